//! The store of a library without a cipher: refused, with nothing written. The one with a cipher is tested through its bindings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rapport_mobile::{Client, OpenError, SecretError, SecretStore, Settings, sdk_info, set_store_aside};

#[derive(Default)]
struct Secrets(Mutex<HashMap<String, Vec<u8>>>);

impl SecretStore for Secrets {
    fn get(&self, name: String) -> Result<Option<Vec<u8>>, SecretError> {
        Ok(self.0.lock().unwrap().get(&name).cloned())
    }

    fn put(&self, name: String, value: Vec<u8>) -> Result<(), SecretError> {
        self.0.lock().unwrap().insert(name, value);
        Ok(())
    }

    fn remove(&self, name: String) -> Result<(), SecretError> {
        self.0.lock().unwrap().remove(&name);
        Ok(())
    }
}

#[tokio::test]
async fn a_library_that_cannot_encrypt_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app").to_str().unwrap().to_owned();
    let settings = Settings {
        server: "http://127.0.0.1:9".into(),
        folder: path.clone(),
        app: "test".into(),
        root_certificate: None,
        utc_offset_minutes: 0,
        cache_bytes: 1 << 20,
    };
    assert!(!sdk_info().encrypts, "the workspace is built without the cipher");
    for _ in 0..2 {
        let refused = Client::open(settings.clone(), Arc::new(Secrets::default())).await.err().unwrap();
        assert!(matches!(refused, OpenError::NotEncrypted { .. }), "{refused:?}");
    }
    let written: u64 = std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert_eq!((written, set_store_aside(path).await), (0, Ok(None)));
}
