//! Uploads under way, which contents are kept, and who has had them. The bytes themselves are in `files`.

use sync_core::files::hex;
use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::people::SecretHash;
use super::{Result, StoreError, Tx, id};

/// An upload that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub upload: RecordId,
    /// Who uploads.
    pub user: UserId,
    /// How many bytes it has in all.
    pub length: u64,
    /// How many are safe.
    pub received: u64,
    /// What the file is called.
    pub name: String,
    /// What it says it is.
    pub media_type: String,
    /// The file record that it is for.
    pub record: Option<RecordId>,
    /// The records that the file is about.
    pub about: Vec<RecordId>,
    /// What its content must hash to.
    pub sha256: Option<SecretHash>,
    /// When it began.
    pub created_at: Millis,
    /// When it is given up.
    pub expires_at: Millis,
}

type Row = (Vec<u8>, Vec<u8>, i64, i64, String, String, Option<Vec<u8>>, String, Option<Vec<u8>>, Millis, Millis);

fn from_row((upload, user, length, received, name, media_type, record, about, sha256, created_at, expires_at): Row) -> Result<Upload> {
    Ok(Upload {
        upload: id(RecordId::from_bytes(&upload), "upload id")?,
        user: id(UserId::from_bytes(&user), "user id")?,
        length: length as u64,
        received: received as u64,
        name,
        media_type,
        record: record.map(|record| id(RecordId::from_bytes(&record), "record id")).transpose()?,
        about: about.split(',').filter_map(|one| one.parse().ok()).collect(),
        sha256: sha256.map(|hash| hash.try_into().map_err(|_| StoreError::Damaged("content hash"))).transpose()?,
        created_at,
        expires_at,
    })
}

/// Keeps a new upload.
pub async fn add_upload(tx: &mut Tx, workspace: WorkspaceId, upload: &Upload) -> Result<()> {
    let about = upload.about.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    sqlx::query(
        "insert into uploads (workspace, upload, user_id, length, received, name, media_type, record, about, sha256, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&upload.upload.as_bytes()[..])
    .bind(&upload.user.as_bytes()[..])
    .bind(upload.length as i64)
    .bind(upload.received as i64)
    .bind(&upload.name)
    .bind(&upload.media_type)
    .bind(upload.record.map(|record| record.as_bytes().to_vec()))
    .bind(about)
    .bind(upload.sha256.map(|hash| hash.to_vec()))
    .bind(upload.created_at)
    .bind(upload.expires_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An upload.
pub async fn upload(tx: &mut Tx, workspace: WorkspaceId, upload: RecordId) -> Result<Option<Upload>> {
    let row: Option<Row> = sqlx::query_as(
        "select upload, user_id, length, received, name, media_type, record, about, sha256, created_at, expires_at from uploads
         where workspace = $1 and upload = $2",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&upload.as_bytes()[..])
    .fetch_optional(tx.conn())
    .await?;
    row.map(from_row).transpose()
}

/// Notes how much of an upload is safe.
pub async fn set_received(tx: &mut Tx, workspace: WorkspaceId, upload: RecordId, received: u64) -> Result<()> {
    sqlx::query("update uploads set received = $3 where workspace = $1 and upload = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&upload.as_bytes()[..])
        .bind(received as i64)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends an upload.
pub async fn drop_upload(tx: &mut Tx, workspace: WorkspaceId, upload: RecordId) -> Result<()> {
    sqlx::query("delete from uploads where workspace = $1 and upload = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&upload.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Uploads that are given up by now.
pub async fn expired(tx: &mut Tx, workspace: WorkspaceId, now: Millis) -> Result<Vec<RecordId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select upload from uploads where workspace = $1 and expires_at <= $2")
        .bind(&workspace.as_bytes()[..])
        .bind(now)
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(|upload| id(RecordId::from_bytes(&upload), "upload id")).collect()
}

/// What a workspace's contents take, those under way included.
pub async fn used_bytes(tx: &mut Tx, workspace: WorkspaceId) -> Result<u64> {
    let used: i64 = sqlx::query_scalar(
        "select coalesce((select sum(size) from blobs where workspace = $1), 0)
              + coalesce((select sum(length) from uploads where workspace = $1), 0)",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_one(tx.conn())
    .await?;
    Ok(used as u64)
}

/// Notes that a content is kept.
pub async fn add_blob(tx: &mut Tx, workspace: WorkspaceId, sha256: &SecretHash, size: u64, now: Millis) -> Result<()> {
    // Kept again is kept anew: it must not be cleaned up before its record has come.
    sqlx::query(
        "insert into blobs (workspace, sha256, size, created_at) values ($1, $2, $3, $4)
         on conflict (workspace, sha256) do update set created_at = excluded.created_at",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&sha256[..])
    .bind(size as i64)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The size of a content, if it is kept.
pub async fn blob_size(tx: &mut Tx, workspace: WorkspaceId, sha256: &SecretHash) -> Result<Option<u64>> {
    let size: Option<i64> = sqlx::query_scalar("select size from blobs where workspace = $1 and sha256 = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&sha256[..])
        .fetch_optional(tx.conn())
        .await?;
    Ok(size.map(|size| size as u64))
}

/// Every content that is kept, with its size.
pub async fn blobs(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<(SecretHash, u64)>> {
    let query = sqlx::query_as("select sha256, size from blobs where workspace = $1 order by sha256");
    let rows: Vec<(Vec<u8>, i64)> = query.bind(&workspace.as_bytes()[..]).fetch_all(tx.conn()).await?;
    let content = |(hash, size): (Vec<u8>, i64)| Ok((hash.try_into().map_err(|_| StoreError::Damaged("content hash"))?, size as u64));
    rows.into_iter().map(content).collect()
}

/// Forgets a content.
pub async fn drop_blob(tx: &mut Tx, workspace: WorkspaceId, sha256: &SecretHash) -> Result<()> {
    for sql in ["delete from blobs where workspace = $1 and sha256 = $2", "delete from content_proofs where workspace = $1 and sha256 = $2"]
    {
        sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&sha256[..]).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Notes that somebody has had a content.
pub async fn prove(tx: &mut Tx, workspace: WorkspaceId, sha256: &SecretHash, user: UserId, now: Millis) -> Result<()> {
    sqlx::query("insert into content_proofs (workspace, sha256, user_id, since) values ($1, $2, $3, $4) on conflict do nothing")
        .bind(&workspace.as_bytes()[..])
        .bind(&sha256[..])
        .bind(&user.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Everybody who has had a content.
pub async fn proven(tx: &mut Tx, workspace: WorkspaceId, sha256: &SecretHash) -> Result<Vec<UserId>> {
    let query = sqlx::query_scalar("select user_id from content_proofs where workspace = $1 and sha256 = $2 order by user_id");
    let rows: Vec<Vec<u8>> = query.bind(&workspace.as_bytes()[..]).bind(&sha256[..]).fetch_all(tx.conn()).await?;
    rows.into_iter().map(|user| id(UserId::from_bytes(&user), "user id")).collect()
}

/// Takes all that is here on trust: whoever has written to a file record that names a content has had it. For what
/// comes from a system that kept no proofs.
pub async fn trust_all(tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
    sqlx::query(
        "insert into content_proofs (workspace, sha256, user_id, since)
         with named as (
           select record, unhex(main ->> 'hash') as sha256 from rows where workspace = $1 and kind = 'file'
           union all
           select record, unhex(main ->> 'thumbnail') as sha256 from rows where workspace = $1 and kind = 'file'
         )
         select distinct b.workspace, b.sha256, c.user_id, b.created_at from named n
         join blobs b on b.workspace = $1 and b.sha256 = n.sha256
         join changes c on c.workspace = $1 and c.record = n.record
         where true on conflict do nothing",
    )
    .bind(&workspace.as_bytes()[..])
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The files that name a content: first those that somebody has written to who has had it, then the oldest. What
/// devices say of when they were made puts nobody before those.
pub async fn naming(tx: &mut Tx, workspace: WorkspaceId, sha256: &SecretHash, limit: u32) -> Result<Vec<RecordId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select f.record from (
           select record, created_at from rows where workspace = $1 and kind || '' = 'file' and lower(main ->> 'hash') = $2
           union
           select record, created_at from rows where workspace = $1 and kind || '' = 'file' and lower(main ->> 'thumbnail') = $2
         ) f order by exists (
           select 1 from changes c
           join content_proofs p on p.workspace = c.workspace and p.user_id = c.user_id and p.sha256 = $3
           where c.workspace = $1 and c.record = f.record
         ) desc, f.created_at, f.record limit $4",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(hex(sha256))
    .bind(&sha256[..])
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|record| id(RecordId::from_bytes(&record), "record id")).collect()
}

/// A file record, and the contents that it names as they are written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRow {
    /// Where its newest change stands in the feed.
    pub position: u64,
    /// The record.
    pub record: RecordId,
    /// Its content and its thumbnail.
    pub names: [Option<String>; 2],
}

/// Position, record, content and thumbnail as the database answers them.
type Named = (i64, Vec<u8>, Option<String>, Option<String>);

/// File records that were written behind a position of the feed, in its order.
pub async fn named_after(tx: &mut Tx, workspace: WorkspaceId, position: u64, limit: u32) -> Result<Vec<NamedRow>> {
    let rows: Vec<Named> = sqlx::query_as(
        "select position, record, main ->> 'hash', main ->> 'thumbnail' from rows
         where workspace = $1 and kind || '' = 'file' and position > $2 order by position limit 0 + $3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(position as i64)
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    let named = |(position, record, hash, thumbnail): Named| {
        Ok(NamedRow { position: position as u64, record: id(RecordId::from_bytes(&record), "record id")?, names: [hash, thumbnail] })
    };
    rows.into_iter().map(named).collect()
}

/// Contents kept since before a time that no file names.
pub async fn orphans(tx: &mut Tx, workspace: WorkspaceId, before: Millis) -> Result<Vec<SecretHash>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select sha256 from blobs where workspace = $1 and created_at < $2 and lower(hex(sha256)) not in
         (select lower(main ->> 'hash') from rows where workspace = $1 and kind = 'file' and main ->> 'hash' is not null
          union select lower(main ->> 'thumbnail') from rows where workspace = $1 and kind = 'file' and main ->> 'thumbnail' is not null)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(before)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|hash| hash.try_into().map_err(|_| StoreError::Damaged("content hash"))).collect()
}
