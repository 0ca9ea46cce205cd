//! What a provider says of somebody, believed or not: a provider of the test's own, which signs whatever it is told to.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::harness::{Answer, MINUTE, START, Server};
use crate::oidc::{away, back, server_of, who};

/// A provider: its address, its key as PKCS #8, what it signs with it, and how often its keys were asked for.
#[derive(Clone)]
struct House {
    issuer: String,
    key: Arc<Mutex<Vec<u8>>>,
    token: Arc<Mutex<String>>,
    asked: Arc<Mutex<u32>>,
}

fn new_key() -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap().as_ref().to_vec()
}

fn pair(key: &[u8]) -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &SystemRandom::new()).unwrap()
}

async fn about(State(house): State<House>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", house.issuer);
    Json(json!({"issuer": house.issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"), "jwks_uri": at("keys")}))
}

async fn keys(State(house): State<House>) -> Json<Value> {
    *house.asked.lock().unwrap() += 1;
    let pair = pair(&house.key.lock().unwrap());
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "x": x, "y": y}]}))
}

async fn token(State(house): State<House>) -> Json<Value> {
    Json(json!({"id_token": *house.token.lock().unwrap(), "access_token": "a", "token_type": "Bearer"}))
}

impl House {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let house = Self { issuer, key: Arc::new(Mutex::new(new_key())), token: Arc::default(), asked: Arc::default() };
        let router = axum::Router::new().route("/.well-known/openid-configuration", get(about)).route("/keys", get(keys));
        let router = router.route("/token", post(token)).with_state(house.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        house
    }

    /// Exchanges its key, which goes on being called the same.
    fn exchange_key(&self) {
        *self.key.lock().unwrap() = new_key();
    }

    /// Eve comes back from it with a token whose claims are changed, signed by `key` and headed so.
    async fn brings(&self, server: &Server, key: &[u8], head: Value, change: Value) -> Answer {
        let (url, begun) = away(server).await;
        let url: reqwest::Url = url.parse().unwrap();
        let asked = |name: &str| url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
        let now_s = server.app.clock.now() / 1000;
        let mut claims = json!({"iss": self.issuer, "sub": "s-1", "aud": "rapport", "exp": now_s + 300, "iat": now_s,
            "nonce": asked("nonce"), "email": "eve@example.com", "email_verified": true});
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = pair(key).sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        *self.token.lock().unwrap() = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        back(server, &format!("/sign-in/back?code=c&state={}", asked("state")), &begun).await
    }

    async fn brings_eve(&self, server: &Server, head: Value) -> Answer {
        let key = self.key.lock().unwrap().clone();
        self.brings(server, &key, head, json!({})).await
    }
}

fn head() -> Value {
    json!({"alg": "ES256", "kid": "k"})
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_said_to_be_one_and_the_log_says_why() {
    let house = House::start().await;
    let server = server_of(house.issuer.clone()).await;
    assert_eq!(who(&server, &house.brings_eve(&server, head()).await).await, "eve@example.com");
    let (own, other) = (house.key.lock().unwrap().clone(), new_key());
    let now_s = START / 1000;
    for (key, change, why) in [
        (&own, json!({"aud": "another"}), "its claim `aud` is wrong"),
        (&own, json!({"iss": "https://evil.example"}), "its claim `iss` is wrong"),
        (&own, json!({"nonce": "another"}), "its claim `nonce` is wrong"),
        (&own, json!({"exp": now_s - 300}), "its claim `exp` is wrong"),
        (&own, json!({"nbf": now_s + 3_600}), "its claim `nbf` is wrong"),
        (&other, json!({}), "its signature is wrong"),
    ] {
        let answer = house.brings(&server, key, head(), change).await;
        let page = answer.text();
        assert_eq!(answer.status, 502, "{why}");
        assert!(page.contains("was not believed") && page.contains("log") && !page.contains("cannot be asked"), "{why}: {page}");
        assert!(crate::harness::logged().contains(why), "{why}");
    }
}

#[tokio::test]
async fn keys_that_a_provider_exchanged_under_one_name_are_asked_for_again_but_once_a_minute() {
    let house = House::start().await;
    let server = server_of(house.issuer.clone()).await;
    for head in [head(), json!({"alg": "ES256"})] {
        who(&server, &house.brings_eve(&server, head.clone()).await).await;
        house.exchange_key();
        let asked = *house.asked.lock().unwrap();
        for _ in 0..2 {
            assert_eq!(house.brings_eve(&server, head.clone()).await.status, 502, "anybody can make such tokens");
        }
        assert_eq!(*house.asked.lock().unwrap(), asked);
        server.clock.forward(MINUTE);
        who(&server, &house.brings_eve(&server, head).await).await;
        assert_eq!(*house.asked.lock().unwrap(), asked + 1);
    }
}
