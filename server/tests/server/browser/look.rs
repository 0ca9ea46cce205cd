//! How pages look: in one language, light or dark, wide or narrow; without barriers; and their pictures, for people.

use std::path::{Path, PathBuf};

use rapport_server::console::words::Words;
use serde_json::json;

use super::Browser;

/// Where `.ci/setup` puts axe-core.
const AXE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/axe-core/package/axe.min.js");

/// What looks for barriers.
pub fn axe() -> String {
    std::fs::read_to_string(AXE).expect("`.ci/setup` fetches axe-core: run `make test` or source it")
}

/// How a page is looked at.
pub struct Look {
    pub name: &'static str,
    pub language: &'static str,
    pub scheme: &'static str,
    pub width: u32,
}

/// At a desk by day, and on a phone at night.
const SCREENS: [(&str, &str, u32); 2] = [("dark-phone", "dark", 390), ("light", "light", 1280)];

/// What every page may say in either language: what things are called, not sentences.
const NAMES: [&str; 16] = [
    "Rapport 0.1 (Android)",
    "Ann's phone",
    "Bo's phone",
    "cai's phone",
    "dan's phone",
    "Rapport",
    "Ctrl K",
    "Enter",
    "Shift",
    "Excel",
    "xlsx",
    "Webhook",
    "ann",
    "cai",
    "dan",
    "test 1",
];

impl Browser {
    /// Makes the window so wide, in such colours.
    pub async fn screen(&mut self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.send("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]);
        self.send("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    pub async fn look(&mut self, look: &Look) {
        self.screen(look.width, look.scheme).await;
        self.goto("/account").await;
        let switch = format!(
            "fetch('/language', {{method: 'POST', body: new URLSearchParams({{language: {:?}}})}}).then((answer) => answer.status)",
            look.language
        );
        self.run(&switch).await;
    }

    /// Keeps a picture of the page.
    pub async fn picture(&mut self, name: &str) {
        let shot = self.send("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true})).await;
        let bytes = base64(shot["data"].as_str().unwrap());
        // Addresses may be longer than names of files.
        let name: String = name.chars().take(100).collect();
        std::fs::write(pictures().join(format!("{name}.png")), bytes).unwrap();
    }

    /// The page as it stands is in one language, fits every screen and keeps nobody out; its pictures are kept. `given` is
    /// what people have called things.
    pub async fn is_sound(&mut self, name: &str, words: Words, given: &[&str]) {
        let tag = words.0.tag();
        assert_eq!(self.run("document.documentElement.lang").await, tag, "{name}");
        let foreign = self.foreign(words, given).await;
        assert!(foreign.is_empty(), "{name} in {tag} says: {foreign:#?}");
        for (screen, scheme, width) in SCREENS {
            self.screen(width, scheme).await;
            let wide = self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            let cut = "[...document.querySelectorAll('main *')].filter((part) => part.getBoundingClientRect().right > innerWidth && \
                 !part.closest('.scroll')).map((part) => part.outerHTML.slice(0, 120)).slice(0, 5)";
            assert_eq!(wide, 0, "{name} is too wide: {screen}, {tag}: {}", self.run(cut).await);
            let barriers = self.barriers(&axe()).await;
            assert!(barriers.is_empty(), "{name}, {screen}, {tag}: {barriers:#?}");
            self.picture(&format!("{name}-{screen}-{tag}")).await;
        }
    }

    /// What the page itself says in the other language: everything but names, identifiers, addresses and abbreviations.
    async fn foreign(&mut self, words: Words, given: &[&str]) -> Vec<String> {
        let mut names: Vec<&str> = NAMES.iter().chain(given).copied().collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let foreign = words.0.of("/[\\u4e00-\\u9fff]/", "/[A-Za-z][a-z]{2,}/");
        let script = format!(
            "(() => {{ const foreign = {foreign}, names = {}, found = []; \
             const own = (element) => !element.closest('script, style, noscript, code, .mono, body [lang]'); \
             const look = (text) => {{ const bare = names.reduce((rest, name) => rest.split(name).join(' '), (text ?? '').replace(/https?:\\/\\/\\S+/g, ' ')); \
             if (foreign.test(bare)) found.push(text.trim()) }}; \
             const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); \
             while (texts.nextNode()) if (own(texts.currentNode.parentElement)) look(texts.currentNode.data); \
             for (const element of document.querySelectorAll('body *')) if (own(element)) \
             for (const name of ['title', 'placeholder', 'aria-label', 'alt']) look(element.getAttribute(name)); \
             look(document.title); return found }})()",
            json!(names)
        );
        let found = self.run(&script).await;
        found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// What axe finds that keeps somebody from using the page.
    pub async fn barriers(&mut self, axe: &str) -> Vec<String> {
        self.run(axe).await;
        let script = "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations\
             .filter(({impact}) => ['serious', 'critical'].includes(impact))\
             .map(({id, nodes}) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? '')).join(' | ')}`))";
        let found = self.run(script).await;
        found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }
}

/// Where pictures of pages are kept, for people to look at.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/out/console");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
