//! The store's own promises: one writer, snapshots, nothing half-done.

use sync_core::id::{UserId, WorkspaceId};

use super::people::User;
use super::*;
use crate::language::Language;

const NOW: i64 = 1_800_000_000_000;

fn workspace() -> WorkspaceId {
    WorkspaceId::new(NOW, [7; 10])
}

fn user(login: &str, random: u8) -> User {
    User {
        workspace: workspace(),
        user: UserId::new(NOW, [random; 10]),
        login: login.to_owned(),
        name: login.to_uppercase(),
        role: "rep".parse().unwrap(),
        language: Language::Zh,
        disabled_at: None,
        created_at: NOW,
    }
}

async fn opened(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    workspaces::add(&mut tx, workspace(), "main", [1; 16], workspaces::SealKey([2; 32]), NOW).await.unwrap();
    tx.commit().await.unwrap();
    store
}

async fn logins(store: &Store) -> Vec<String> {
    let mut tx = store.reader().await.unwrap();
    people::users(&mut tx, workspace()).await.unwrap().into_iter().map(|user| user.login).collect()
}

#[tokio::test]
async fn a_store_runs_with_full_durability_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    assert_eq!((store.settings().synchronous, store.settings().journal_mode), ("full", "wal"));
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_dropped_transaction_never_happened() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let mut tx = store.begin().await.unwrap();
    people::add_user(&mut tx, &user("ann", 1), "x").await.unwrap();
    drop(tx);
    assert!(logins(&store).await.is_empty());
    let mut tx = store.begin().await.unwrap();
    people::add_user(&mut tx, &user("bo", 2), "x").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(logins(&store).await, ["bo"]);
}

#[tokio::test]
async fn a_unit_of_work_survives_the_request_that_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel::<()>();
    let working = store.clone();
    let request = tokio::spawn(async move {
        working
            .write(move |tx| {
                Box::pin(async move {
                    people::add_user(tx, &user("ann", 1), "x").await?;
                    started.send(()).unwrap();
                    wait.await.unwrap();
                    people::add_user(tx, &user("bo", 2), "x").await
                })
            })
            .await
    });
    has_started.await.unwrap();
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    // The next writer waits for the abandoned one.
    store.begin().await.unwrap().commit().await.unwrap();
    assert_eq!(logins(&store).await, ["ann", "bo"]);
}

#[tokio::test]
async fn a_unit_of_work_that_fails_or_panics_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let failed: Result<()> = store
        .write(|tx| {
            Box::pin(async move {
                people::add_user(tx, &user("ann", 1), "x").await?;
                people::add_user(tx, &user("ann", 2), "x").await
            })
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Exists(_))), "{failed:?}");
    let panicked: Result<()> = store
        .write(|tx| {
            Box::pin(async move {
                people::add_user(tx, &user("ann", 1), "x").await?;
                panic!("on purpose")
            })
        })
        .await;
    assert!(matches!(panicked, Err(StoreError::BrokeOff)), "{panicked:?}");
    assert!(logins(&store).await.is_empty());
}

#[tokio::test]
async fn a_transaction_that_finds_no_room_keeps_nothing_and_the_next_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let mut tx = store.begin().await.unwrap();
    sqlx::raw_sql("pragma max_page_count = 1").execute(tx.conn()).await.unwrap();
    let refused = sqlx::query("update workspaces set name = hex(zeroblob(1000000))").execute(tx.conn()).await;
    let refused = refused.map_err(StoreError::from);
    assert!(matches!(refused, Err(StoreError::Unwritable(_))), "{refused:?}");
    drop(tx);
    let mut tx = store.begin().await.unwrap();
    people::add_user(&mut tx, &user("ann", 1), "x").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(logins(&store).await, ["ann"]);
}

#[tokio::test]
async fn readers_keep_their_snapshot_and_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let mut reader = store.reader().await.unwrap();
    assert!(people::users(&mut reader, workspace()).await.unwrap().is_empty());
    let mut tx = store.begin().await.unwrap();
    people::add_user(&mut tx, &user("ann", 1), "x").await.unwrap();
    tx.commit().await.unwrap();
    assert!(people::users(&mut reader, workspace()).await.unwrap().is_empty());
    let refused = people::add_user(&mut reader, &user("bo", 2), "x").await;
    assert!(matches!(refused, Err(StoreError::Unwritable(_))), "{refused:?}");
}

#[tokio::test]
async fn aborted_requests_leave_no_transaction_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    for round in 0..200 {
        let working = store.clone();
        let task = tokio::spawn(async move {
            working.write::<_, StoreError, _>(|tx| Box::pin(async move { workspaces::advance_head(tx, workspace(), 1).await })).await
        });
        for _ in 0..round % 40 {
            tokio::task::yield_now().await;
        }
        task.abort();
    }
    let mut tx = store.begin().await.unwrap();
    let head = workspaces::advance_head(&mut tx, workspace(), 1).await.unwrap();
    tx.commit().await.unwrap();
    let mut reader = store.reader().await.unwrap();
    assert_eq!(workspaces::by_id(&mut reader, workspace()).await.unwrap().unwrap().head, head);
}

#[tokio::test]
async fn a_backup_is_whole_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let copy = folder.path().join("copy.db");
    backup(store.path(), &copy).await.unwrap();
    assert!(matches!(backup(store.path(), &copy).await, Err(BackupError::Exists(_))));
    let other = Store::open(&Options::new(&copy)).await.unwrap();
    assert_eq!(workspaces::all(&mut other.reader().await.unwrap()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_restore_starts_a_new_epoch_and_loses_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let (path, copy) = (store.path().to_owned(), folder.path().join("copy.db"));
    backup(&path, &copy).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    people::add_user(&mut tx, &user("ann", 1), "x").await.unwrap();
    tx.commit().await.unwrap();

    let options = Options::new(&path);
    assert!(matches!(restore(&copy, &options, Some(NOW), || [2; 16]).await, Err(BackupError::InUse(_))));
    store.close().await;
    drop(store);
    assert!(matches!(restore(&copy, &options, None, || [2; 16]).await, Err(BackupError::Exists(_))));
    let restored = restore(&copy, &options, Some(NOW), || [2; 16]).await.unwrap();
    assert_eq!(restored.workspaces[0].feed_epoch, [2; 16]);

    let store = Store::open(&options).await.unwrap();
    assert!(logins(&store).await.is_empty(), "the backup was made before ann");
    let aside = Store::open(&Options::new(restored.set_aside.unwrap())).await.unwrap();
    assert_eq!(logins(&aside).await, ["ann"]);
}

#[tokio::test]
async fn only_a_database_of_ours_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("rapport.db"));
    let text = folder.path().join("letter.txt");
    std::fs::write(&text, "dear customer ".repeat(100)).unwrap();
    assert!(matches!(restore(&text, &options, None, || [2; 16]).await, Err(BackupError::Unsound { .. })));
    let missing = folder.path().join("nothing");
    assert!(matches!(restore(&missing, &options, None, || [2; 16]).await, Err(BackupError::Missing(_))));
    assert!(!options.path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_a_new_database_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("rapport.db"));
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let options = options.clone();
            tokio::spawn(async move { Store::open(&options).await.map(|store| store.settings().clone()) })
        })
        .collect();
    for one in opening {
        one.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_database_from_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder).await;
    let newer =
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'later', 1, x'00', 0)";
    sqlx::query(newer).execute(&store.writer).await.unwrap();
    let refused = Store::open(&Options::new(store.path())).await.err().unwrap();
    assert!(matches!(refused, OpenError::Newer(9999)), "{refused}");
}
