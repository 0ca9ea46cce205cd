//! Writes the bindings of a built library: `bindings generate --language kotlin --out-dir ... librapport.so`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
