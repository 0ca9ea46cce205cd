//! The command line, as an operator uses it: the real program, its output, its exit status.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sqlx::Connection;

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn rapport(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rapport"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input may be gone already.
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        child.wait_with_output().unwrap()
    }

    fn done(&self, arguments: &[&str], input: &str) -> String {
        let output = self.rapport(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str], input: &str) -> String {
        let output = self.rapport(arguments, input);
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn an_address_that_is_taken_is_refused_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = Machine::new();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::write(machine.path().join("rapport.toml"), format!("[listen]\naddress = \"{address}\"\n")).unwrap();
    let said = machine.refused(&["serve", "--config", "rapport.toml"], "");
    assert!(said.contains(&address) && said.contains("`listen.address`"), "{said}");
}

#[test]
fn a_command_in_the_wrong_folder_says_so_and_leaves_nothing_there() {
    let machine = Machine::new();
    for command in [&["check"][..], &["export", "party"], &["audit", "verify"], &["device", "list"], &["import", "list"]] {
        let said = machine.refused(command, "");
        assert!(said.contains("rapport.db") && said.contains("`database.path`"), "{command:?}: {said}");
    }
    assert_eq!(std::fs::read_dir(machine.path()).unwrap().count(), 0);
}

#[test]
fn the_first_user_makes_the_workspace_and_others_join_it() {
    let machine = Machine::new();
    assert!(machine.refused(&["user", "list"], "").contains("rapport user add"), "an empty database says how to begin");
    machine.done(&["user", "add", "Ann", "--role", "office", "--name", "Ann Li", "--language", "zh-CN"], "a long password\n");
    assert!(machine.done(&["user", "add", "bo"], "another password\n").contains("changes the password"));
    assert!(!machine.done(&["user", "add", "di", "--own"], "another password\n").contains("changes"), "it is hers already");
    let list = machine.done(&["user", "list"], "");
    assert!(list.lines().any(|line| line.contains("ann") && line.contains("Ann Li") && line.contains("office") && line.contains("zh-CN")));
    assert!(list.lines().any(|line| line.contains("bo") && line.contains("rep")));
    assert!(machine.refused(&["user", "add", "ann"], "a long password\n").contains("`ann`"));
    assert!(machine.refused(&["user", "add", "cy"], "short\n").contains("at least 10"));
    assert!(machine.refused(&["user", "add", "cy"], "").contains("RAPPORT_PASSWORD"));
    assert!(machine.refused(&["user", "add", "cy", "--role", "king"], "a long password\n").contains("manager"));
    machine.done(&["user", "disable", "bo"], "");
    assert!(machine.done(&["user", "list"], "").contains("disabled"));
    assert!(machine.refused(&["device", "code", "bo"], "").contains("shut out"));
    assert!(machine.done(&["user", "password", "ann"], "a third password\n").contains("changes the password"));
    assert!(!machine.done(&["user", "password", "ann", "--own"], "a fourth password\n").contains("changes"));
    assert!(machine.refused(&["user", "password", "nobody"], "a long password\n").contains("rapport user list"));
}

#[test]
fn several_workspaces_must_be_named() {
    let machine = Machine::new();
    machine.done(&["user", "add", "ann", "--workspace", "north"], "a long password\n");
    machine.done(&["user", "add", "ann", "--workspace", "south", "--new-workspace"], "a long password\n");
    let refused = machine.refused(&["user", "list"], "");
    assert!(refused.contains("`north`, `south`"), "{refused}");
    assert!(machine.done(&["user", "list", "--workspace", "south"], "").contains("ann"));
    assert!(machine.refused(&["user", "list", "--workspace", "west"], "").contains("no workspace `west`"));
}

#[test]
fn a_key_is_made_for_kinds_that_there_are() {
    let machine = Machine::new();
    machine.done(&["user", "add", "ann"], "a long password\n");
    let make = |scope| ["key", "make", "ann", "web shop", "--scope", scope, "--days", "30"];
    assert!(machine.refused(&make("paty:read"), "").contains("there is no kind `paty`; did you mean `party`?"));
    assert!(machine.done(&make("party:read"), "").starts_with("rpk_"));
}

#[test]
fn a_code_for_a_phone_is_printed_alone() {
    let machine = Machine::new();
    machine.done(&["user", "add", "ann"], "a long password\n");
    let code = machine.done(&["device", "code", "ann"], "");
    assert_eq!(code.trim().split('-').map(str::len).collect::<Vec<_>>(), [4; 7], "{code}");
    assert!(machine.done(&["device", "list"], "").starts_with("DEVICE"));
    assert!(machine.refused(&["device", "revoke", "01890a5d-ac96-774b-bcce-b302099a8057"], "").contains("no such device"));
    assert!(machine.refused(&["device", "revoke", "nonsense"], "").contains("device id"));
}

#[test]
fn a_backup_comes_back_with_a_restore() {
    let machine = Machine::new();
    assert!(machine.refused(&["backup", "copy.db"], "").contains("no database"));
    machine.done(&["user", "add", "ann"], "a long password\n");
    machine.done(&["backup", "copy.db"], "");
    assert!(machine.refused(&["backup", "copy.db"], "").contains("exists already"));
    assert_eq!(machine.done(&["audit", "list"], "").matches("backed_up").count(), 1, "one that was made is told of");
    machine.done(&["audit", "verify"], "");
    machine.done(&["user", "add", "bo"], "a long password\n");
    assert!(machine.refused(&["restore", "copy.db"], "").contains("--force"));
    let restored = machine.done(&["restore", "copy.db", "--force"], "");
    assert!(restored.contains("before-restore-") && restored.contains("restored `main`"), "{restored}");
    let list = machine.done(&["user", "list"], "");
    assert!(list.contains("ann") && !list.contains("bo"), "{list}");
}

#[tokio::test]
async fn a_backup_that_a_newer_program_makes_changes_nothing_in_what_the_older_one_works_with() {
    let machine = Machine::new();
    machine.done(&["user", "add", "ann"], "a long password\n");
    let database = machine.path().join("rapport.db");
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", database.display())).await.unwrap();
    let newest = "select max(version) from _sqlx_migrations";
    let version: i64 = sqlx::query_scalar(newest).fetch_one(&mut connection).await.unwrap();
    sqlx::query("delete from _sqlx_migrations where version = $1").bind(version).execute(&mut connection).await.unwrap();
    machine.done(&["backup", "copy.db"], "");
    let after: i64 = sqlx::query_scalar(newest).fetch_one(&mut connection).await.unwrap();
    let told: i64 = sqlx::query_scalar("select count(*) from audit where act = 'backed_up'").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(after < version && told == 0, "its tables stay as they are");
    assert!(machine.path().join("copy.db").exists());
}

#[test]
fn mistakes_in_the_configuration_stop_every_command() {
    let machine = Machine::new();
    std::fs::write(machine.path().join("rapport.toml"), "[databse]\npath = 'x.db'\n").unwrap();
    let refused = machine.refused(&["--config", "rapport.toml", "user", "list"], "");
    assert!(refused.contains("did you mean `database.path`?"), "{refused}");
    std::fs::write(machine.path().join("rapport.toml"), "[listen]\naddress = '0.0.0.0:0'\n").unwrap();
    let refused = machine.refused(&["serve", "--config", "rapport.toml"], "");
    assert!(refused.contains("tls.certificate"), "{refused}");
}

#[test]
fn every_command_teaches() {
    let machine = Machine::new();
    let help = machine.done(&["--help"], "");
    for part in ["First steps", "rapport user add ann", "serve", "backup", "restore", "device", "RAPPORT_CONFIG"] {
        assert!(help.contains(part), "no {part} in {help}");
    }
    assert!(machine.done(&["user", "add", "--help"], "").contains("Examples:"));
}

#[test]
fn records_come_in_from_a_file_go_out_into_a_folder_and_pass_the_check() {
    let machine = Machine::new();
    machine.done(&["user", "add", "ann", "--role", "office", "--language", "zh-CN"], "a long password\n");
    std::fs::write(machine.path().join("people.csv"), "number,名称,colour\n1,佳美,red\n2,,blue\n").unwrap();
    assert!(machine.refused(&["import", "party", "people.csv"], "").contains("--map \"COLUMN=FIELD\""));
    assert!(machine.refused(&["import", "party", "nowhere.csv"], "").contains("cannot read `nowhere.csv`"));
    assert!(machine.refused(&["import", "party"], "").contains("FILE"));
    let import = ["import", "party", "people.csv", "--map", "number=external_id", "--skip-others"];
    let tried = machine.refused(&[&import[..], &["--dry-run"]].concat(), "");
    assert!(tried.contains("line 2: new party with") && tried.contains("1 created"), "{tried}");
    let refused = machine.refused(&import, "");
    assert!(refused.contains("line 3: 缺少“名称”") && refused.contains("people.failed.csv"), "{refused}");
    assert!(machine.path().join("people.failed.csv").exists());
    let list = machine.done(&["import", "list"], "");
    let id = list.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap();
    assert!(list.contains("people.csv") && list.contains("ann"), "{list}");

    assert!(machine.done(&["export", "--kind", "party"], "").contains("佳美"));
    assert!(machine.done(&["export", "all", "--automerge"], "").contains("party: 1"));
    assert!(machine.path().join("all/party.jsonl").exists());
    assert!(machine.refused(&["export", "all"], "").contains("exists already"));
    assert!(machine.refused(&["export"], "").contains("FOLDER"));
    assert!(machine.done(&["import", "party", "all/party.jsonl"], "").contains('-'), "the import's id is printed");

    assert!(machine.done(&["import", "undo", id], "").contains("1 records archived"));
    assert!(machine.refused(&["import", "undo", id], "").contains("taken back already"));
    assert!(machine.done(&["check"], "").contains("as it should be"));
}

#[tokio::test]
async fn the_demos_folder_has_the_tables_that_reporting_tools_read() {
    let machine = Machine::new();
    machine.done(&["demo", "--exit", "--folder", "kept"], "");
    let database = machine.path().join("kept/rapport.db");
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}?mode=ro", database.display())).await.unwrap();
    let deals: i64 = sqlx::query_scalar("select count(*) from report_deal").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(deals > 0);
}

#[test]
fn a_server_writes_down_elsewhere_where_the_audit_log_ends_and_a_log_that_was_cut_does_not_get_there() {
    let machine = Machine::new();
    machine.done(&["user", "add", "ann"], "a long password\n");
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = machine.path().join("server.log");
    let mut server = Command::new(env!("CARGO_BIN_EXE_rapport"))
        .arg("serve")
        .current_dir(machine.path())
        .env_clear()
        .env("RAPPORT_LISTEN__ADDRESS", address.to_string())
        .stdout(std::fs::File::create(&log).unwrap())
        .stderr(std::fs::File::options().append(true).open(&log).unwrap())
        .spawn()
        .unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !std::fs::read_to_string(&log).unwrap().contains("the audit log ends here") {
        assert!(std::time::Instant::now() < until, "{}", std::fs::read_to_string(&log).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let check = ["audit", "verify", "--noted-in", "server.log"];
    machine.done(&check, "");
    let empty = machine.refused(&["audit", "verify", "--noted-in", "rapport.db"], "");
    assert!(empty.contains("cannot read") || empty.contains("no head"), "{empty}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection =
            sqlx::SqliteConnection::connect(&format!("sqlite:{}", machine.path().join("rapport.db").display())).await.unwrap();
        sqlx::raw_sql("delete from audit; delete from audit_heads").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    assert!(machine.refused(&check, "").contains("was the last one written"));
}

#[test]
fn a_database_that_a_restore_moved_aside_is_named_and_a_list_may_be_cut_off() {
    let machine = Machine::new();
    machine.done(&["user", "add", "ann"], "a long password\n");
    machine.done(&["backup", "copy.db"], "");
    machine.done(&["restore", "copy.db", "--force"], "");
    assert!(machine.done(&["check"], "").contains("before-restore-"));
    let verified = machine.done(&["audit", "verify"], "");
    assert!(verified.contains("restored from a backup at") && verified.contains("moved aside"), "{verified}");
    // Whoever reads the first line only is no reason to panic.
    let mut child = Command::new(env!("CARGO_BIN_EXE_rapport"))
        .args(["audit", "list"])
        .current_dir(machine.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
