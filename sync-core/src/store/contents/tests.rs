use super::*;

fn memory() -> Contents {
    Contents::open(&Place::Memory).unwrap()
}

fn record(at: u8) -> RecordId {
    RecordId::new(Millis::from(at), [at; 10])
}

fn bytes(size: usize, seed: u8) -> Vec<u8> {
    (0..size).map(|at| (at % 251) as u8 ^ seed).collect()
}

fn take(contents: &mut Contents, now: Millis, bytes: &[u8]) -> ContentHash {
    contents.take_in(now, &mut &*bytes, u64::MAX).unwrap().hash
}

fn whole(contents: &Contents, hash: &ContentHash) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let piece = contents.read(hash, all.len() as u64).unwrap();
        if piece.is_empty() {
            return all;
        }
        all.extend(piece);
    }
}

#[test]
fn a_content_reads_as_it_was_taken_from_any_place() {
    let mut contents = memory();
    for size in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7] {
        let original = bytes(size, 1);
        let hash = take(&mut contents, 1, &original);
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&original)));
        assert!(whole(&contents, &hash) == original, "{size}");
        let from = size / 2;
        assert!(original[from..].starts_with(&contents.read(&hash, from as u64).unwrap()));
        assert_eq!(contents.read(&hash, size as u64 + 5).unwrap(), Vec::<u8>::new());
    }
}

#[test]
fn the_same_content_is_kept_once_and_what_is_too_large_not_at_all() {
    let mut contents = memory();
    let original = bytes(700_000, 2);
    let hash = take(&mut contents, 1, &original);
    assert_eq!(take(&mut contents, 2, &original), hash);
    assert_eq!(contents.usage().unwrap().bytes, 700_000);
    let refused = contents.take_in(3, &mut &bytes(600_000, 3)[..], 599_999);
    assert!(matches!(refused, Err(TakeError::TooLarge { most: 599_999 })), "{refused:?}");
    assert_eq!(contents.usage().unwrap().bytes, 700_000);
}

#[test]
fn thumbnails_are_sent_first_then_what_has_waited_longest() {
    let mut contents = memory();
    let (a, b) = (take(&mut contents, 1, &bytes(90_000, 4)), take(&mut contents, 1, &bytes(90_000, 5)));
    let small = take(&mut contents, 1, &bytes(900, 6));
    contents.wait(record(1), a, None).unwrap();
    contents.wait(record(2), b, Some(small)).unwrap();
    let order: Vec<ContentHash> = contents.to_send().unwrap().into_iter().map(|one| one.hash).collect();
    assert_eq!(order, [small, a, b]);
    contents.arrived(&small).unwrap();
    contents.set_sent(&a, Some("address"), 7).unwrap();
    let next = contents.to_send().unwrap().remove(0);
    assert_eq!((next.hash, next.address.as_deref(), next.sent), (a, Some("address"), 7));
    contents.refused(&a, &Problem { code: "too_large".into(), detail: "no".into() }).unwrap();
    let next = contents.to_send().unwrap().remove(0);
    assert_eq!((next.address, next.sent, next.problem.is_some()), (None, 0, true), "it begins anew, when it is asked for");
}

#[test]
fn a_download_goes_on_where_it_stopped_and_another_content_is_not_taken_for_it() {
    let mut contents = memory();
    let original = bytes(PIECE_BYTES + 100, 7);
    let hash = <[u8; 32]>::from(Sha256::digest(&original));
    assert_eq!(contents.expect(1, &hash, original.len() as u64).unwrap(), 0);
    assert!(contents.add_piece(&hash, 0, &original[..PIECE_BYTES]).unwrap());
    assert_eq!(contents.expect(2, &hash, original.len() as u64).unwrap(), PIECE_BYTES as u64);
    assert!(!contents.add_piece(&hash, PIECE_BYTES as u64, &[0; 100]).unwrap());
    assert_eq!(contents.held(&hash).unwrap(), None, "nothing of it is kept");
    contents.expect(3, &hash, original.len() as u64).unwrap();
    contents.add_piece(&hash, 0, &original[..PIECE_BYTES]).unwrap();
    assert!(contents.add_piece(&hash, PIECE_BYTES as u64, &original[PIECE_BYTES..]).unwrap());
    assert!(whole(&contents, &hash) == original);
}

#[test]
fn room_is_made_by_what_was_looked_at_longest_ago_but_never_by_what_waits() {
    let mut contents = memory();
    let waits = take(&mut contents, 1, &bytes(100_000, 8));
    let old = take(&mut contents, 2, &bytes(100_000, 9));
    let small = take(&mut contents, 1, &bytes(1_000, 10));
    let new = take(&mut contents, 4, &bytes(100_000, 11));
    contents.wait(record(1), waits, None).unwrap();
    contents.trim(250_000).unwrap();
    let here = |contents: &Contents| [waits, old, small, new].map(|hash| contents.held(&hash).unwrap().is_some());
    assert_eq!(here(&contents), [true, false, true, true]);
    contents.trim(0).unwrap();
    assert_eq!(here(&contents), [true, false, false, false]);
    contents.tidy(&HashSet::new(), &HashSet::from([record(1)])).unwrap();
    assert_eq!(here(&contents), [true, false, false, false]);
    contents.tidy(&HashSet::new(), &HashSet::new()).unwrap();
    assert_eq!((here(&contents), contents.usage().unwrap()), ([false; 4], Usage::default()), "its record is gone");
}

#[test]
fn a_full_disk_keeps_nothing_of_a_file_and_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contents.db");
    let mut contents = Contents::open(&Place::File(path.clone())).unwrap();
    let kept = take(&mut contents, 1, &bytes(300_000, 12));
    let pages: i64 = contents.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    contents.db.pragma_update_and_check(None, "max_page_count", pages + 20, |_| Ok(())).unwrap();
    let full = contents.take_in(2, &mut &bytes(2_000_000, 13)[..], u64::MAX);
    assert!(matches!(full, Err(TakeError::Store(StoreError::Full))), "{full:?}");
    assert_eq!(contents.usage().unwrap().bytes, 300_000);
    drop(contents);
    let mut contents = Contents::open(&Place::File(path.clone())).unwrap();
    assert!(whole(&contents, &kept) == bytes(300_000, 12));
    // What goes gives its room back.
    contents.trim(0).unwrap();
    drop(contents);
    assert!(path.metadata().unwrap().len() < 100_000);
}
