//! Lists `kinds/*.toml` and `roles/*.toml` as arrays of `(path, text)`: adding one is adding a file.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    for folder in ["kinds", "roles"] {
        println!("cargo:rerun-if-changed={folder}");
        let listing = list(folder)?;
        fs::write(Path::new(&env::var_os("OUT_DIR").expect("cargo sets it for build scripts")).join(format!("{folder}.rs")), listing)?;
    }
    Ok(())
}

/// A Rust expression: the folder's files by name, their texts included by the compiler. It names no
/// checkout, so that two of them may share a target folder.
fn list(folder: &str) -> io::Result<String> {
    let mut files: Vec<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    let entries: Vec<String> = files
        .iter()
        .map(|name| format!("    (\"{folder}/{name}\", include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{folder}/{name}\"))),\n"))
        .collect();
    Ok(format!("&[\n{}]\n", entries.concat()))
}
