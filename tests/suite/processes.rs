//! Real processes, killed and replaced.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sync_core::engine::Stopped;
use sync_core::id::{ChangeHash, Facet, RecordId};
use sync_core::net::{Host, NetError, Server};
use sync_core::protocol::{self, Enrolled, Message, Refused};
use sync_core::record::fields::FieldEdit;
use tests::dice::Dice;
use tests::process::{CERTIFICATE, KEY, Site, lines, now, open, play_part, start_phone, start_syncing_phone};
use tests::world::set;

const CLIENTS: [&str; 4] = ["ann", "bo", "chen", "dai"];

/// How often to kill: more by `RAPPORT_KILLS`.
fn kills(usual: usize) -> usize {
    std::env::var("RAPPORT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(usual)
}

/// What this program does when it was started as a server or a phone; nothing otherwise.
#[test]
fn part() {
    play_part();
}

/// Works and syncs until told to stop. Notes what was acknowledged, after it was.
async fn work(host: Host, server: Server, ledger: std::path::PathBuf, stop: Arc<AtomicBool>) -> usize {
    let mut ledger = OpenOptions::new().create(true).append(true).open(ledger).unwrap();
    let mut unsaid: Vec<(RecordId, ChangeHash)> = Vec::new();
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        count += 1;
        let edited = host.with(|device, now| device.create(now, "party", &[set("name", format!("{count}"))])).unwrap();
        unsaid.extend(edited.changes.iter().map(|hash| (edited.record, *hash)));
        // Whether it worked is asked from the device: an answer counts once the device has it.
        let _ = server.sync_once(&host).await;
        unsaid.retain(|(record, hash)| {
            let kept = host.with(|device, _| device.changes(*record, Facet::Main)).unwrap();
            let position = kept.iter().find(|change| change.hash == *hash).and_then(|change| change.position);
            if let Some(position) = position {
                writeln!(ledger, "{position} {hash}").unwrap();
            }
            position.is_none()
        });
        ledger.sync_data().unwrap();
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_has_acknowledged_is_there_afterwards() {
    let mut site = Site::new(&CLIENTS).await;
    let mut dice = Dice::new(now() as u64);
    let stop = Arc::new(AtomicBool::new(false));
    let ledger = |name: &str| site.file(&format!("{name}.ledger"));
    let workers: Vec<_> =
        CLIENTS.map(|name| tokio::spawn(work(site.phone(name), site.server(), ledger(name), stop.clone()))).into_iter().collect();
    // Later ones live longer: on a busy machine the first do nothing before they are killed.
    for life in 0..kills(20) {
        site.start().await;
        tokio::time::sleep(Duration::from_millis(dice.between(30, 300 + 50 * life as i64) as u64)).await;
        site.kill();
    }
    stop.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    let kept = site.kept();
    assert!(kept.keys().copied().eq(1..=kept.len() as u64), "the feed has a gap");
    let acknowledged: Vec<String> = CLIENTS.iter().flat_map(|name| lines(&site.file(&format!("{name}.ledger")))).collect();
    for line in &acknowledged {
        let (position, hash) = line.split_once(' ').unwrap();
        assert_eq!(kept.get(&position.parse().unwrap()).map(String::as_str), Some(hash), "acknowledged and lost");
    }
    assert!(acknowledged.len() > 20, "only {} edits were acknowledged: nothing was tried", acknowledged.len());
    println!("{} kills, {} acknowledged, {} kept", kills(20), acknowledged.len(), kept.len());
}

/// The disk is full at another write each time: in the middle of a transaction, at its last page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_keeps_what_it_has_acknowledged_and_takes_the_rest_when_there_is_room() {
    const PAGE: u64 = 4096;
    for pages in [0, 1, 2, 3, 5, 8] {
        let mut site = Site::new(&["ann"]).await;
        site.disk = Some(std::fs::metadata(&site.database).unwrap().len() + pages * PAGE);
        site.start().await;
        let (ann, server) = (site.phone("ann"), site.server());
        let mut made = Vec::new();
        let mut edit = |name: String| {
            let edited = ann.with(|device, now| device.create(now, "party", &[set("name", name)])).unwrap();
            made.extend(edited.changes.iter().map(ToString::to_string));
        };
        let refused = loop {
            edit("while there is room".to_owned());
            if let Err(refused) = server.sync_once(&ann).await {
                break refused;
            }
        };
        assert!(matches!(&refused, NetError::Refused { code, .. } if code == "unavailable"), "{refused}");
        edit("without room".to_owned());
        let _ = server.sync_once(&ann).await;
        server.ping().await.expect("a server without room still answers");
        let status = ann.with(|device, _| device.sync_status()).unwrap();
        assert!(status.pending > 0 && status.drafts == 0, "{status:?}");
        site.kill();
        let kept: Vec<String> = site.kept().into_values().collect();
        assert!(kept.len() >= made.len() - status.pending as usize, "acknowledged and lost");
        site.disk = None;
        site.start().await;
        server.sync_once(&ann).await.unwrap();
        assert_eq!(ann.with(|device, _| device.sync_status()).unwrap().pending, 0);
        let kept: Vec<String> = site.kept().into_values().collect();
        assert_eq!(kept, made, "each once, in the order made");
    }
}

#[test]
fn what_a_killed_phone_has_acknowledged_is_there_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ledger) = (folder.path().join("phone.db"), folder.path().join("ledger"));
    let enrolled = Enrolled {
        token: "token".into(),
        device: sync_core::id::DeviceId::of_cause("phone"),
        workspace: tests::process::workspace(),
        user: sync_core::id::UserId::of_cause("ann"),
        role: "rep".into(),
        epoch: vec![1],
        server_time: now(),
    };
    open(store.clone(), [1; 32]).enrol(now(), &enrolled).unwrap();
    let mut dice = Dice::new(now() as u64);
    let record = RecordId::of_cause("the phone's record");
    for kill in 0..kills(30) {
        let before = lines(&ledger).len();
        let phone = start_phone(&store, &ledger);
        while lines(&ledger).len() == before {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(dice.between(0, 40) as u64));
        phone.kill();
        let mut device = open(store.clone(), [kill as u8; 32]);
        let kept = device.changes(record, Facet::Main).unwrap();
        let lost = lines(&ledger).into_iter().find(|line| !kept.iter().any(|change| change.hash.to_string() == *line));
        assert_eq!(lost, None, "acknowledged and lost at kill {kill}");
        // One that was kept and not yet noted is no loss; that it is shown is what matters.
        let notes = device.get(record).unwrap().unwrap().row.fields["notes"].as_str().unwrap().len();
        assert_eq!(notes, "note ".len() * kept.len());
    }
    println!("{} kills, {} acknowledged", kills(30), lines(&ledger).len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_restored_from_a_backup_is_given_back_what_it_lost() {
    let mut site = Site::new(&["ann", "bo"]).await;
    site.start().await;
    let (ann, bo, server) = (site.phone("ann"), site.phone("bo"), site.server());
    let record = ann.with(|device, now| device.create(now, "party", &[set("name", "佳美")])).unwrap().record;
    server.sync_once(&ann).await.unwrap();
    server.sync_once(&bo).await.unwrap();
    let backup = site.file("backup.db");
    rapport_server::store::backup(&site.database, &backup).await.unwrap();
    for (host, edit) in [(&ann, set("industry", "print")), (&bo, FieldEdit::Add { field: "tags".into(), value: "vip".into() })] {
        host.with(|device, now| device.edit(now, "party", record, &[edit])).unwrap();
        server.sync_once(host).await.unwrap();
    }
    assert_eq!(site.kept().len(), 3);
    site.kill();
    let options = rapport_server::store::Options::new(&site.database);
    rapport_server::store::restore(&backup, &options, Some(now()), || [2; 16]).await.unwrap();
    site.start().await;
    for _ in 0..3 {
        for host in [&ann, &bo] {
            // The first exchange after a restore may end with "come again".
            let _ = server.sync_once(host).await;
        }
    }
    let shown = |host: &Host| host.with(|device, _| device.get(record)).unwrap().unwrap().row.fields;
    assert_eq!((site.kept().len(), shown(&ann)), (3, shown(&bo)));
    assert_eq!((shown(&ann)["industry"].as_str(), shown(&ann)["tags"][0].as_str()), (Some("print"), Some("vip")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_phone_is_refused_at_its_next_request_and_its_open_connection_ends() {
    let mut site = Site::new(&["ann"]).await;
    site.start().await;
    let (ann, server) = (site.phone("ann"), site.server());
    server.sync_once(&ann).await.unwrap();
    let (live_host, live_server) = (ann.clone(), server.clone());
    let live = tokio::spawn(async move { live_server.stay_live(&live_host).await });
    while !ann.with(|device, _| device.sync_status()).unwrap().is_current {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // As `rapport device revoke` does: another process, on the same database.
    let store = rapport_server::store::Store::open(&rapport_server::store::Options::new(&site.database)).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let device = sync_core::id::DeviceId::of_cause("ann's phone");
    rapport_server::store::devices::revoke_device(&mut tx, tests::process::workspace(), device, now()).await.unwrap();
    tx.commit().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), live).await.expect("the connection ends").unwrap();
    assert!(matches!(ended, NetError::Stopped(Stopped::Revoked)), "{ended}");
    let again = site.server().sync_once(&site.phone("ann")).await.unwrap_err();
    assert!(matches!(again, NetError::Stopped(Stopped::Revoked)), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_killed_in_mid_sync_has_acknowledged_reaches_the_server_once() {
    let mut site = Site::new(&["ann"]).await;
    site.start().await;
    let (store, ledger, address) = (site.store_of("ann"), site.file("ledger"), format!("http://{}", site.address));
    let mut dice = Dice::new(now() as u64);
    for _ in 0..kills(20) {
        let before = lines(&ledger).len();
        let phone = start_syncing_phone(&store, &ledger, &address);
        while lines(&ledger).len() < before + 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.between(0, 30) as u64)).await;
        phone.kill();
    }
    let ann = site.phone("ann");
    site.server().sync_once(&ann).await.unwrap();
    let kept: Vec<String> = site.kept().into_values().collect();
    let acknowledged = lines(&ledger);
    let lost = acknowledged.iter().find(|hash| kept.iter().filter(|kept| kept == hash).count() != 1);
    assert_eq!(lost, None, "acknowledged on the phone, and not once at the server");
    let status = ann.with(|device, _| device.sync_status()).unwrap();
    assert_eq!((status.pending, status.drafts), (0, 0));
    println!("{} kills, {} acknowledged, {} kept", kills(20), acknowledged.len(), kept.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_told_to_reads_its_new_certificate_without_a_restart() {
    let mut site = Site::new(&["ann"]).await;
    let folder = site.file("tls");
    std::fs::create_dir(&folder).unwrap();
    let address = format!("https://{}", site.address);
    let renew = || {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.join(KEY), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.join(CERTIFICATE), made.cert.pem()).unwrap();
        made.cert.pem().into_bytes()
    };
    // Each with a connection of its own: one that is open keeps the certificate it began with.
    let trusting = |certificate: &[u8]| Server::with_root(&address, Some(certificate.to_vec())).unwrap();
    let old = renew();
    let ann = site.phone("ann");
    site.tls = Some(folder.clone());
    site.start().await;
    trusting(&old).sync_once(&ann).await.unwrap();
    let new = renew();
    assert!(matches!(trusting(&new).sync_once(&ann).await, Err(NetError::Unreachable(_))));
    site.hang_up();
    while trusting(&new).sync_once(&ann).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(trusting(&old).sync_once(&ann).await, Err(NetError::Unreachable(_))));
}

/// A listener that answers every request with the same frame.
async fn answering(frame: Vec<u8>) -> Server {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // All of a small request is there at once, or the rest is of no interest.
            let mut request = [0; 16 * 1024];
            let _ = stream.read(&mut request).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", frame.len());
            let _ = stream.write_all(&[head.as_bytes(), &frame].concat()).await;
        }
    });
    server
}

#[tokio::test]
async fn a_sync_that_the_server_puts_off_is_no_success() {
    let site = Site::new(&["ann"]).await;
    let ann = site.phone("ann");
    let refused = |code: &str| Message::Refused(Refused { code: code.to_owned(), message: "try again later".to_owned() });
    for code in ["unavailable", "throttled"] {
        let later = answering(protocol::encode_frame(&[refused(code)])).await.sync_once(&ann).await;
        assert!(matches!(&later, Err(NetError::Refused { code: found, .. }) if found == code), "{later:?}");
    }
    let noise = answering(b"\x07noise".to_vec()).await.sync_once(&ann).await;
    assert!(matches!(&noise, Err(NetError::Refused { code, .. }) if code == "bad_frame"), "{noise:?}");
}
