//! Writes the bindings of a built library: `bindings generate --language kotlin --out-dir ... librapport_mobile.so`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
