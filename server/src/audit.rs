//! The audit log: who signed in, took data out, changed rights, deleted, handed over, approved.
//!
//! Each entry's hash covers the entry and the hash before it, so an entry that is altered, taken out or
//! put in later breaks the chain at its place. Edits of records are not in it: they have their own
//! history, hashed as well. Never holds what a customer is called, nor what somebody typed to sign in:
//! the log outlives an erasure.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sync_core::id::{Millis, UserId, WorkspaceId};

use crate::files::{hex, unhex};
use crate::store::people::{self, SecretHash};
use crate::store::sequences::today;
use crate::store::trail::{self, EntryRow, Head};
use crate::store::{Result, Store, StoreError, Tx};

/// Entries that are read at a time.
const PAGE: u32 = 500;

/// What the first entry of a log is chained to.
const NOTHING: SecretHash = [0; 32];

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $en:literal, $zh:literal, $said_en:literal, $said_zh:literal;)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Act { $($(#[$doc])* $name,)* }

        impl Act {
            /// All of them.
            pub const ALL: &[Act] = &[$(Act::$name,)*];

            /// The stable word that stands in the log.
            pub fn as_str(self) -> &'static str {
                match self { $(Act::$name => $word,)* }
            }

            /// What people call it: English, Chinese.
            pub fn label(self) -> (&'static str, &'static str) {
                match self { $(Act::$name => ($en, $zh),)* }
            }

            /// What somebody did, `{}` standing for the subject: English, Chinese.
            pub fn sentence(self) -> (&'static str, &'static str) {
                match self { $(Act::$name => ($said_en, $said_zh),)* }
            }

            /// By its word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|act| act.as_str() == word)
            }
        }
    };
}

acts! {
    /// Somebody signed in.
    SignedIn = "signed_in", "Signed in", "登录", "Signed in", "登录";
    /// A sign-in to a known account failed.
    SignInFailed = "sign_in_failed", "Sign-in failed", "登录失败", "A sign-in as {} failed", "以{}的账号登录失败";
    /// Somebody signed out.
    SignedOut = "signed_out", "Signed out", "退出登录", "Signed out", "退出登录";
    /// Sessions were ended from elsewhere.
    SessionEnded = "session_ended", "Session ended", "结束会话", "Ended sessions of {}", "结束了{}的会话";
    /// A password was set.
    PasswordSet = "password_set", "Password set", "设置密码", "Set the password of {}", "设置了{}的密码";
    /// A second factor was switched on.
    SecondFactorOn = "second_factor_on", "Second factor on", "启用两步验证", "Switched on a second factor", "启用了两步验证";
    /// A second factor was taken away.
    SecondFactorOff = "second_factor_off", "Second factor off", "停用两步验证", "Took the second factor of {} away", "停用了{}的两步验证";
    /// A code was sent by SMS.
    CodeSent = "code_sent", "Code sent by SMS", "发送短信验证码", "Had a code sent by SMS", "请求发送了短信验证码";
    /// A code was to be sent by SMS, and the provider did not take it.
    CodeNotSent = "code_not_sent", "Code not sent by SMS", "短信验证码发送失败", "A code by SMS to {} could not be sent", "向{}发送短信验证码失败";
    /// A recovery code was used up.
    RecoveryUsed = "recovery_used", "Recovery code used", "使用恢复码", "Used a recovery code", "使用了恢复码";
    /// An API key was made.
    KeyMade = "key_made", "API key made", "创建 API 密钥", "Made the API key {}", "创建了 API 密钥{}";
    /// An API key was taken back.
    KeyRevoked = "key_revoked", "API key revoked", "撤销 API 密钥", "Took back the API key {}", "撤销了 API 密钥{}";
    /// A form for strangers was made.
    LeadFormMade = "lead_form_made", "Form for strangers made", "创建公开表单", "Made the form {}", "创建了公开表单{}";
    /// A form for strangers was taken back.
    LeadFormRevoked = "lead_form_revoked", "Form for strangers taken back", "撤销公开表单", "Took back the form {}", "撤销了公开表单{}";
    /// Somebody was added.
    UserAdded = "user_added", "Person added", "添加人员", "Added {}", "添加了{}";
    /// Somebody was shut out.
    UserDisabled = "user_disabled", "Person shut out", "停用人员", "Shut {} out", "停用了{}";
    /// Somebody was let in again.
    UserEnabled = "user_enabled", "Person let in again", "恢复人员", "Let {} in again", "恢复了{}";
    /// Rights were changed: a role, a rule, who has which.
    RightsChanged = "rights_changed", "Rights changed", "修改权限", "Changed rights: {}", "修改了权限：{}";
    /// Somebody was recognised by another system for the first time.
    IdentityBound = "identity_bound", "Sign-in through another system bound", "绑定第三方登录", "Signed in through another system for the first time", "首次通过第三方登录";
    /// A code for a device was made.
    DeviceCode = "device_code", "Device code made", "生成设备注册码", "Made a code for a device of {}", "为{}生成了设备注册码";
    /// A device enrolled.
    DeviceEnrolled = "device_enrolled", "Device enrolled", "注册设备", "Enrolled the device {}", "注册了设备{}";
    /// Very much was handed out to a device in a day.
    DeviceDownloaded = "device_downloaded", "Many records downloaded by a device", "设备大量下载记录", "Very many records went to the device {} in a day", "设备{}在一天内下载了大量记录";
    /// A device sent another change under a number that was taken.
    DeviceForked = "device_forked", "Two changes under one number", "同一编号的两个修改", "Sent a second, different change of {} under one number; it was refused", "以同一编号提交了{}的另一个修改，已被拒绝";
    /// A device was shut out.
    DeviceRevoked = "device_revoked", "Device shut out", "移除设备", "Shut out the device {}", "移除了设备{}";
    /// A device that was shut out with its user came in again with them.
    DeviceRestored = "device_restored", "Device let in again", "恢复设备", "Let in the device {} again", "恢复了设备{}";
    /// What once stood in a record was forgotten.
    PastForgotten = "past_forgotten", "History forgotten", "清除历史", "Forgot the history of {}", "清除了{}的历史";
    /// A dashboard can be read under an address.
    ReportShared = "report_shared", "Dashboard shared by link", "共享仪表盘链接", "Shared {} by link", "通过链接共享了{}";
    /// It cannot any more.
    ReportUnshared = "report_unshared", "Dashboard link taken back", "撤销仪表盘链接", "Took back the link of a dashboard", "撤销了仪表盘的共享链接";
    /// A dashboard goes out by mail.
    ReportMailed = "report_mailed", "Dashboard sent by mail", "定期邮件发送仪表盘", "Has {} sent by mail", "设置了定期邮件发送{}";
    /// It does not any more.
    ReportUnmailed = "report_unmailed", "Dashboard mail stopped", "停止邮件发送仪表盘", "Stopped the mail of a dashboard", "停止了仪表盘的邮件发送";
    /// Data was taken out in bulk.
    Exported = "exported", "Exported", "导出", "Exported {}", "导出了{}";
    /// Data was brought in in bulk.
    Imported = "imported", "Imported", "导入", "Imported {}", "导入了{}";
    /// What was brought in was taken away again.
    ImportUndone = "import_undone", "Import undone", "撤销导入", "Undid an import of {}", "撤销了{}的导入";
    /// Many records were edited at once.
    BulkEdited = "bulk_edited", "Edited in bulk", "批量修改", "Edited many {} at once", "批量修改了{}";
    /// They are what they were before.
    BulkUndone = "bulk_undone", "Bulk edit undone", "撤销批量修改", "Undid a bulk edit of {}", "撤销了{}的批量修改";
    /// What holds for everybody says something else: settings, rates, numbers, rules, kinds.
    SettingsChanged = "settings_changed", "Settings changed", "修改设置", "Changed settings: {}", "修改了设置：{}";
    /// A backup was made.
    BackedUp = "backed_up", "Backup made", "备份", "Made a backup", "进行了备份";
    /// The database was replaced by a backup.
    DatabaseRestored = "database_restored", "Database restored from a backup", "从备份恢复数据库", "The database was restored from a backup", "数据库已从备份恢复";
    /// After a restore, access that had been taken away was taken away again.
    WithdrawnAgain = "withdrawn_again", "Access taken away again after a restore", "恢复后重新撤销访问权限", "What had been taken away before the restore was taken away again", "恢复前已撤销的访问权限已重新撤销";
    /// Records were put away.
    Archived = "archived", "Archived", "归档", "Archived {}", "归档了{}";
    /// Archived records were brought back.
    Restored = "restored", "Brought back from the archive", "恢复归档记录", "Brought back {}", "恢复了已归档的{}";
    /// A person's data was shown or taken out on request.
    Disclosed = "disclosed", "Personal data disclosed", "提供个人数据", "Looked at all that there is about {}", "查看了{}的全部个人数据";
    /// A person's data was taken out as a file.
    Downloaded = "downloaded", "Personal data downloaded", "下载个人数据", "Downloaded all that there is about {}", "下载了{}的全部个人数据";
    /// A person's data was erased.
    Erased = "erased", "Erased", "清除个人数据", "Erased {}", "清除了{}";
    /// A rule erased what may not be kept any longer.
    RetentionRun = "retention_run", "Retention rule carried out", "执行到期清除规则", "Carried out the retention rule {}", "执行了到期清除规则{}";
    /// Retention rules are carried out every day from now on, or are not any more.
    RetentionSwitched = "retention_switched", "Daily erasing switched", "启用或停用每天自动清除", "Switched daily erasing", "切换了每天自动清除";
    /// Records were handed over.
    HandedOver = "handed_over", "Handed over", "移交", "Handed over what {} had", "移交了{}的记录";
    /// An edit that waited was approved or declined.
    Decided = "decided", "Held edit decided", "审批修改", "Decided about an edit of {}", "处理了对{}的修改";
    /// A webhook was added, changed or removed.
    WebhookChanged = "webhook_changed", "Webhook changed", "修改 Webhook", "Changed the webhook {}", "修改了 Webhook {}";
    /// Somebody's calendar got a secret address.
    CalendarShared = "calendar_shared", "Calendar address made", "生成日历地址", "Made a secret address for the calendar of {}", "为{}的日历生成了地址";
    /// A calendar's address was taken away.
    CalendarWithdrawn = "calendar_withdrawn", "Calendar address withdrawn", "停用日历地址", "Withdrew the calendar address of {}", "停用了{}的日历地址";
}

/// Something to write down.
#[derive(Debug, Clone)]
pub struct Note {
    /// Whose log.
    pub workspace: WorkspaceId,
    /// Who did it; nobody: the operator, or somebody unknown.
    pub user: Option<UserId>,
    /// What was done.
    pub act: Act,
    /// To what: an id, a name of a kind.
    pub subject: String,
    /// More about it; never a value of a record.
    pub detail: Value,
}

impl Note {
    /// A note without further detail.
    pub fn of(workspace: WorkspaceId, user: Option<UserId>, act: Act, subject: impl ToString) -> Self {
        Self { workspace, user, act, subject: subject.to_string(), detail: json!({}) }
    }

    /// With detail: an object.
    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// Writes it at the end of the log, in a transaction of its own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(self, store: &Store, now: Millis) -> Result<()> {
        store.write::<_, StoreError, _>(move |tx| Box::pin(async move { self.write(tx, now).await })).await
    }

    /// As [`Note::keep`], unless the same was written down on this day already: of what is looked at or fetched again and
    /// again, once says it all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_once_a_day(self, store: &Store, now: Millis) -> Result<()> {
        let mut tx = store.reader().await?;
        let (alike, detail) = (self.act.as_str(), self.detail.to_string());
        let is_today = match trail::last_alike(&mut tx, self.workspace, (alike, &self.subject, &detail), self.user).await? {
            Some(at) => today(&mut tx, self.workspace, at).await? == today(&mut tx, self.workspace, now).await?,
            None => false,
        };
        drop(tx);
        if is_today { Ok(()) } else { self.keep(store, now).await }
    }

    /// Writes it at the end of the log, in the transaction of what it tells of.
    ///
    /// # Errors
    /// When the database fails; then nothing of the transaction may be kept.
    pub async fn write(self, tx: &mut Tx, now: Millis) -> Result<()> {
        let (number, previous) = trail::head(tx, self.workspace).await?.unwrap_or((0, NOTHING));
        let mut entry = EntryRow {
            number: number + 1,
            at: now,
            user: self.user,
            act: self.act.as_str().to_owned(),
            subject: self.subject,
            detail: self.detail.to_string(),
            hash: NOTHING,
        };
        entry.hash = chained(&previous, &entry);
        trail::append(tx, self.workspace, &entry).await
    }
}

/// The hash of an entry behind another: over a JSON array, whose text is one for one content.
fn chained(previous: &SecretHash, entry: &EntryRow) -> SecretHash {
    let user = entry.user.map(|user| user.to_string());
    let text = json!([entry.number, entry.at, user, entry.act, entry.subject, entry.detail]).to_string();
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(text.as_bytes());
    hash.finalize().into()
}

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tampered {
    /// An entry does not follow from the one before.
    #[error("entry {0} was altered, or the one before it")]
    Altered(u64),
    /// An entry is missing.
    #[error("entry {0} is missing")]
    Missing(u64),
    /// The last entries are missing, or some were added beside the server.
    #[error("the log ends with entry {found}, and {expected} was the last one written")]
    Cut {
        /// The last one that is there.
        found: u64,
        /// The last one that was written.
        expected: u64,
    },
    /// It was put before the first entry.
    #[error("entry {0} was added beside the server: the first one has the number 1")]
    Added(i64),
    /// Nothing is in it, although people were added, which is written down.
    #[error("the log is empty, and the workspace has accounts: it was emptied")]
    Emptied,
    /// A checkpoint that was noted earlier is not in it.
    #[error("entry {0} is not the one that was noted: the log was written anew")]
    Rewritten(u64),
}

/// A log that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of the newest one.
    pub head: SecretHash,
    /// The first thing that is wrong, if anything is.
    pub tampered: Option<Tampered>,
}

/// A head as people and logs write it down: its number and its hash.
pub fn head_text((number, hash): &Head) -> String {
    format!("{number}:{}", hex(hash))
}

/// The head that a text is.
pub fn read_head(text: &str) -> Option<Head> {
    let (number, hash) = text.split_once(':')?;
    Some((number.parse().ok()?, unhex(hash)?))
}

/// Looks through a log; `noted` are heads that were written down elsewhere, earlier: whoever can write the
/// database can also write a whole new chain, but not one that goes through them.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(store: &Store, workspace: WorkspaceId, noted: &[Head]) -> Result<Verified> {
    let mut tx = store.reader().await?;
    let expected = trail::head(&mut tx, workspace).await?.unwrap_or((0, NOTHING));
    let mut last = (0, NOTHING);
    let broken = |last: Head, tampered| Ok(Verified { entries: last.0, head: last.1, tampered: Some(tampered) });
    if let Some(number) = trail::before_the_first(&mut tx, workspace).await? {
        return broken(last, Tampered::Added(number));
    }
    loop {
        let entries = trail::after(&mut tx, workspace, last.0, PAGE).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            if entry.number != last.0 + 1 {
                return broken(last, Tampered::Missing(last.0 + 1));
            }
            if entry.hash != chained(&last.1, &entry) {
                return broken(last, Tampered::Altered(entry.number));
            }
            last = (entry.number, entry.hash);
            if noted.iter().any(|noted| noted.0 == last.0 && *noted != last) {
                return broken(last, Tampered::Rewritten(last.0));
            }
        }
    }
    let newest = noted.iter().map(|noted| noted.0).max().unwrap_or_default();
    if last != expected || newest > last.0 {
        let expected = expected.0.max(newest);
        return broken(last, Tampered::Cut { found: last.0, expected });
    }
    if last.0 == 0 && !people::users(&mut tx, workspace).await?.is_empty() {
        return broken(last, Tampered::Emptied);
    }
    Ok(Verified { entries: last.0, head: last.1, tampered: None })
}
