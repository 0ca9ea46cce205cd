//! Who may do what, as sentences.

use serde_json::{Value, json};

use super::*;
use crate::id::RecordId;
use crate::record::fields::FieldEdit;
use crate::schema::{Reading, Schema};

fn kind(name: &str) -> &'static Kind {
    Schema::builtin().kind(name).unwrap()
}

fn caller(role: &str) -> Caller {
    Caller { user: UserId::of_cause("ann"), role: role.parse().unwrap() }
}

/// A record of somebody else.
fn others(kind_name: &str, facet: Facet) -> Subject<'static> {
    Subject { owner: Some(UserId::of_cause("bo")), author: Some(UserId::of_cause("bo")), ..Subject::of(kind(kind_name), facet) }
}

fn asks(role: &str, kind_name: &str, facet: Facet, act: &Act<'_>) -> Decision {
    decide(Roles::builtin(), &caller(role), &others(kind_name, facet), act)
}

/// Writes a field in the facet where it is declared.
fn writes(role: &str, kind_name: &str, field: &str) -> Decision {
    let facet = kind(kind_name).field(field).unwrap().facet;
    asks(role, kind_name, facet, &Act::Write { field, item: None, value: None })
}

fn told(decision: &Decision) -> &str {
    decision.message().map_or("go ahead", |message| &message.en)
}

#[test]
fn every_built_in_role_is_a_good_role() {
    let names: Vec<&str> = Roles::builtin().roles().map(|role| &*role.name).collect();
    assert_eq!(names, ["agent", "leader", "manager", "office", "regional", "rep"]);
}

#[test]
fn who_may_write_which_field() {
    let cases = [
        ("rep", "party", "name", "go ahead"),
        ("rep", "party", "credit_limit", "The role “Sales representative” may not change “Credit limit” of customers."),
        ("rep", "party", "birthday", "The role “Sales representative” may not change “Birthday” of customers."),
        ("manager", "party", "credit_limit", "go ahead"),
        ("manager", "party", "birthday", "The role “Sales manager” may not change “Birthday” of customers."),
        ("office", "party", "birthday", "go ahead"),
        ("rep", "deal", "stage", "go ahead"),
        ("rep", "case", "replies", "go ahead"),
        ("rep", "product", "price", "The role “Sales representative” may not change “List price” of products."),
        ("rep", "product", "prices", "The role “Sales representative” may not change “Price lists” of products."),
        ("rep", "product", "barcodes", "go ahead"),
        ("manager", "product", "price", "go ahead"),
        ("rep", "offer", "number", "“Number” of quotes and orders is given by the server."),
        ("office", "offer", "number", "“Number” of quotes and orders is given by the server."),
        ("office", "offer", "total", "“Total of the lines” of quotes and orders is computed: nobody writes it."),
        ("rep", "offer", "approvals", "The role “Sales representative” may not change “Approvals” of quotes and orders."),
        ("manager", "offer", "approvals", "go ahead"),
        ("rep", "payment", "status", "The role “Sales representative” may not change “Status” of payments."),
        ("rep", "kind", "definition", "The role “Sales representative” may not administer kinds."),
        ("rep", "member", "role", "The role “Sales representative” may not administer members."),
        ("rep", "rule", "enabled", "The role “Sales representative” may not change rules."),
        ("manager", "member", "role", "The role “Sales manager” may not administer members."),
        ("office", "kind", "definition", "go ahead"),
        ("rep", "view", "filter", "The role “Sales representative” may change only its own views."),
        ("guest", "party", "name", "The role `guest` does not exist here."),
    ];
    for (role, kind_name, field, want) in cases {
        assert_eq!(told(&writes(role, kind_name, field)), want, "{role} writes {field} of {kind_name}");
    }
}

#[test]
fn chinese_readers_are_told_in_chinese() {
    let zh = |decision: Decision| decision.message().unwrap().zh.clone();
    assert_eq!(zh(writes("rep", "party", "credit_limit")), "“销售代表”角色不能修改客户的“信用额度”。");
    assert_eq!(zh(writes("office", "case", "number")), "工单的“工单号”由服务器分配，不能填写。");
    assert_eq!(zh(discount("rep", &json!(15))), "报价/订单的“明细”中的“折扣（%）”超过 10，需要审批。");
    assert_eq!(zh(asks("rep", "party", Facet::Main, &Act::Archive)), "“销售代表”角色只能归档自己负责的客户。");
}

#[test]
fn who_may_do_what_to_whole_records() {
    let cases: [(&str, &str, Facet, Act<'_>, &str); 17] = [
        ("rep", "party", Facet::Main, Act::Read, "go ahead"),
        ("rep", "party", Facet::Commercial, Act::Read, "The role “Sales representative” may not see the commercial data of customers."),
        ("rep", "party", Facet::Private, Act::Read, "The role “Sales representative” may not see the personal data of customers."),
        ("manager", "party", Facet::Commercial, Act::Read, "go ahead"),
        ("manager", "party", Facet::Private, Act::Read, "The role “Sales manager” may not see the personal data of customers."),
        ("office", "party", Facet::Private, Act::Read, "go ahead"),
        ("rep", "deal", Facet::Main, Act::Create, "go ahead"),
        ("rep", "product", Facet::Main, Act::Create, "The role “Sales representative” may not create products."),
        ("rep", "party", Facet::Main, Act::Archive, "The role “Sales representative” may archive only its own customers."),
        ("manager", "party", Facet::Main, Act::Archive, "go ahead"),
        ("rep", "party", Facet::Main, Act::Resolve { field: "name" }, "go ahead"),
        (
            "rep",
            "goal",
            Facet::Main,
            Act::Resolve { field: "target" },
            "The role “Sales representative” may not settle conflicts of goals.",
        ),
        ("rep", "party", Facet::Main, Act::Export, "The role “Sales representative” may not export customers."),
        ("manager", "party", Facet::Main, Act::Import, "go ahead"),
        ("manager", "party", Facet::Main, Act::Purge, "The role “Sales manager” may not erase customers."),
        ("office", "party", Facet::Main, Act::Purge, "go ahead"),
        ("office", "party", Facet::Main, Act::Export, "go ahead"),
    ];
    for (role, kind_name, facet, act, want) in cases {
        assert_eq!(told(&asks(role, kind_name, facet, &act)), want, "{role} {act:?} {kind_name} {facet}");
    }
}

fn discount(role: &str, value: &Value) -> Decision {
    asks(role, "offer", Facet::Main, &Act::Write { field: "lines", item: Some("discount_percent"), value: Some(value) })
}

#[test]
fn a_discount_above_ten_percent_waits_for_somebody_unless_a_manager_gives_it() {
    assert!(discount("rep", &json!(10)).is_allowed());
    assert!(discount("rep", &json!(null)).is_allowed(), "taking a discount back is no discount");
    let held = discount("rep", &json!(10.5));
    assert!(matches!(&held, Decision::Review { rule, .. } if rule == "rep.offer.limit.lines.discount_percent"), "{held:?}");
    assert!(discount("manager", &json!(40)).is_allowed());
    assert!(discount("office", &json!(40)).is_allowed());
}

#[test]
fn a_discount_hides_neither_in_a_whole_row_nor_in_a_string() {
    let row = json!({"quantity": 2, "discount_percent": 40});
    let act = Act::Write { field: "lines", item: None, value: Some(&row) };
    assert!(matches!(asks("rep", "offer", Facet::Main, &act), Decision::Review { .. }));
    assert!(matches!(discount("rep", &json!("40")), Decision::Review { .. }));
    let quantity = json!(40);
    let act = Act::Write { field: "lines", item: Some("quantity"), value: Some(&quantity) };
    assert!(asks("rep", "offer", Facet::Main, &act).is_allowed(), "forty pieces are no discount");
}

#[test]
fn what_waits_for_approval_is_not_sent_by_whoever_cannot_approve_it() {
    let sends = |role: &str, waits: bool, field: &str, value: Value| {
        let subject = Subject { waits, ..others("offer", Facet::Main) };
        decide(Roles::builtin(), &caller(role), &subject, &Act::Write { field, item: None, value: Some(&value) })
    };
    for status in ["sent", "accepted", "signed", "completed"] {
        let refused = sends("rep", true, "status", json!(status));
        assert!(matches!(&refused, Decision::Denied { rule, .. } if rule == "rep.offer.limit.status"), "{refused:?}");
        assert!(sends("rep", false, "status", json!(status)).is_allowed());
        assert!(sends("manager", true, "status", json!(status)).is_allowed());
    }
    for status in [json!("draft"), json!("in_review"), json!("cancelled"), json!(null)] {
        assert!(sends("rep", true, "status", status).is_allowed(), "giving up is no sending");
    }
    assert!(!sends("rep", true, "sent_at", json!(5)).is_allowed(), "nor is it said by the date");
    let refused = sends("rep", true, "status", json!("sent"));
    let message = refused.message().unwrap();
    assert_eq!(
        message.en,
        "An edit of this record still waits for approval. Until it is decided, “Status” of quotes and orders cannot become “Sent”."
    );
    assert_eq!(message.zh, "该记录有修改正在等待审批。审批完成前，报价/订单的“状态”不能改为“已发送”。");
}

#[test]
fn own_means_owned_or_made_while_nobody_owns_it() {
    let (ann, bo) = (UserId::of_cause("ann"), UserId::of_cause("bo"));
    let archives = |owner, author| {
        let subject = Subject { owner, author, ..Subject::of(kind("party"), Facet::Main) };
        decide(Roles::builtin(), &caller("rep"), &subject, &Act::Archive).is_allowed()
    };
    assert!(archives(Some(ann), Some(bo)));
    assert!(archives(None, Some(ann)));
    assert!(!archives(Some(bo), Some(ann)), "it was handed over");
    assert!(!archives(None, None));
}

#[test]
fn whose_a_record_is_stands_in_its_main_row() {
    let ann = UserId::of_cause("ann");
    let row = json!({"subject": "Call back", "assignee": ann.to_string()});
    let subject = Subject::existing(kind("activity"), Facet::Main, row.as_object().unwrap(), None);
    assert_eq!(subject.owner, Some(ann), "an activity is its assignee's");
    assert_eq!(Subject::existing(kind("product"), Facet::Main, row.as_object().unwrap(), None).owner, None);
}

#[test]
fn whoever_makes_a_record_fills_it_in() {
    let ann = caller("rep");
    let view = Subject::new_by(kind("view"), Facet::Main, ann.user);
    let fill = Act::Write { field: "filter", item: None, value: None };
    assert!(decide(Roles::builtin(), &ann, &view, &Act::Create).is_allowed());
    assert!(decide(Roles::builtin(), &ann, &view, &fill).is_allowed());
    let product = Subject::new_by(kind("product"), Facet::Main, ann.user);
    let fill = Act::Write { field: "barcodes", item: None, value: None };
    assert!(!decide(Roles::builtin(), &ann, &product, &fill).is_allowed(), "an edit right is no right to create");
}

#[test]
fn a_write_is_no_way_around() {
    let archive = Act::Write { field: "archived", item: None, value: None };
    assert!(!asks("rep", "party", Facet::Main, &archive).is_allowed(), "archiving by the name of its field");
    let smuggled = Act::Write { field: "credit_limit", item: None, value: None };
    assert!(!asks("rep", "party", Facet::Main, &smuggled).is_allowed(), "a commercial field in the main document");
    assert!(!asks("office", "party", Facet::Main, &smuggled).is_allowed(), "which nobody may");
    let unknown = Act::Write { field: "hologram", item: None, value: None };
    assert!(asks("rep", "party", Facet::Main, &unknown).is_allowed(), "a newer app may know more fields");
    assert!(!asks("rep", "party", Facet::Private, &unknown).is_allowed());
    assert!(!asks("rep", "product", Facet::Main, &unknown).is_allowed(), "where only named fields may be written");
}

#[test]
fn lists_and_forms_show_what_a_role_may_read_and_write() {
    let roles = Roles::builtin();
    let party = kind("party");
    assert_eq!(roles.readable("rep", party), [Facet::Main]);
    assert_eq!(roles.readable("manager", party), [Facet::Main, Facet::Commercial]);
    assert_eq!(roles.readable("office", party), Facet::ALL);
    assert_eq!(roles.readable("office", kind("deal")), [Facet::Main]);
    assert_eq!(roles.readable("guest", party), []);
    assert!(!roles.may_read_field("rep", party, "credit_limit"));
    assert!(roles.may_read_field("manager", party, "credit_limit"));
    assert!(!roles.may_read_field("office", party, "no_such_field"));
    assert!(roles.may_write_field("rep", party, "name"));
    assert!(!roles.may_write_field("rep", kind("product"), "price"));
    assert!(!roles.may_write_field("office", kind("offer"), "number"));
    assert_eq!(roles.level("rep", party, Action::Archive), Level::Own);
    assert!(roles.may("office", Right::Administer) && !roles.may("manager", Right::Administer));
}

#[test]
fn an_author_of_roles_is_told_line_and_nearest_word() {
    const HEAD: &str = "name = \"r\"\nlabel = { en = \"R\", zh = \"R\" }";
    let cases = [
        ("[[rule]]\nkinds = [\"offers\"]", "r:4: there is no kind `offers`, did you mean `offer`?"),
        ("[[rule]]\nkinds = [\"*\"]\nraed = \"all\"", "r:5: a rule has no key `raed`, did you mean `read`?"),
        ("[[rule]]\nkinds = [\"*\"]\nread = \"every\"", "r:5: there is no level `every`: one of all, territory, team, own, none"),
        ("[[rule]]\nkinds = [\"*\"]\nread = \"own\"\nedit = \"all\"", "r:6: the rule for `*` lets `edit` go further than `read`"),
        ("[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nreads = [\"mian\"]", "r:6: there is no facet `mian`, did you mean `main`?"),
        ("[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nwrites = [\"main\"]", "r:6: the rule writes the facet `main` and does not read it"),
        (
            "[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nedit = \"all\"\nreads = [\"main\"]",
            "r:3: a rule that lets records be changed says in `writes`",
        ),
        ("[[rule]]\nkinds = [\"*\"]\nonly_fields = [\"name\"]", "r:5: `only_fields` needs named kinds"),
        ("[[rule]]\nkinds = [\"party\"]\nexcept_fields = [\"nmae\"]", "r:5: kind `party` has no field `nmae`, did you mean `name`?"),
        ("[[rule]]\nkinds = [\"*\"]\n[[rule]]\nkinds = [\"*\"]", "r:6: role `r` has another rule for one of these kinds"),
        ("[[rule]]\nkinds = [\"deal\"]\nwhen = '[]'", "r:3: role `r` has no rule for `deal` without a condition"),
        (
            "[[rule]]\nkinds = [\"*\"]\nread = \"all\"\n[[rule]]\nkinds = [\"deal\"]\nwhen = '[]'\nread = \"all\"",
            "r:9: a rule with `when` has no `read`",
        ),
        (
            "[[rule]]\nkinds = [\"*\"]\nread = \"all\"\n[[rule]]\nkinds = [\"deal\"]\nwhen = '[{\"type\": \"today\", \"attribute\": \"close_date\"}]'",
            "r:8: a rule cannot depend on the date",
        ),
        ("rights = [\"exprot\"]", "r:3: there is no right `exprot`, did you mean `export`?"),
        ("[[limit]]\nkind = \"offer\"\nfield = \"lines.discount\"", "r:5: rows of `lines` have no `discount`"),
        ("[[limit]]\nkind = \"offer\"\nfield = \"title\"", "r:5: `title` is not one number: it has no limit"),
        ("[[limit]]\nkind = \"offer\"\nfield = \"quantity\"\nabove = \"x\"", "r:6: `above` must be a number, not string"),
    ];
    for (text, want) in cases {
        let text = format!("{HEAD}\n{text}\n");
        let message = Role::parse("r", &text, Schema::builtin(), Reading::Strict).expect_err(want).to_string();
        assert!(message.starts_with(want), "told: {message}\nwant: {want}");
    }
}

/// Rules of two workspace's own roles: a buyer, and a rep who leaves closed deals alone.
const BUYER: &str = r#"
name = "buyer"
label = { en = "Buyer", zh = "采购" }
rights = ["export"]

[[rule]]
kinds = ["product"]
read = "all"
create = "all"
edit = "all"
reads = ["main", "commercial"]
writes = ["main", "commercial"]
"#;
const CAREFUL: &str = r#"
name = "rep"
label = { en = "Rep", zh = "销售" }

[[rule]]
kinds = ["*"]
read = "own"
create = "all"
edit = "own"
reads = ["main"]
writes = ["main"]

[[rule]]
kinds = ["deal"]
when = '[{"type": "in", "attribute": "stage", "value": ["won", "lost"]}]'
edit = "own"
writes = ["main"]
only_fields = ["notes"]

[[limit]]
kind = "offer"
field = "lines.discount_percent"
above = 12.5
outcome = "refuse"
"#;

fn own_roles() -> Roles {
    let texts = [("buyer", BUYER), ("rep", CAREFUL)].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let (roles, bad) = Roles::builtin().with(texts, Schema::builtin());
    assert_eq!(bad, []);
    roles
}

#[test]
fn what_one_of_several_roles_allows_is_allowed() {
    let (roles, product) = (own_roles(), kind("product"));
    let price = Act::Write { field: "price", item: None, value: None };
    let may = |role: &str| decide(&roles, &caller(role), &others("product", product.field("price").unwrap().facet), &price).is_allowed();
    assert!(!may("rep") && may("buyer") && may("rep+buyer"));
    assert!(roles.may("rep+buyer", Right::Export) && !roles.may("rep", Right::Export));
    assert_eq!(roles.level("rep+buyer", product, Action::Read), Level::All);
    assert_eq!(roles.level("buyer", kind("party"), Action::Read), Level::None);
    assert_eq!(roles.readable("rep+buyer", kind("party")), [Facet::Main]);
    // What the rep may not do and the buyer knows nothing of, nobody may.
    let name = Act::Write { field: "name", item: None, value: None };
    let told_of = |role: &str| told(&decide(&roles, &caller(role), &others("party", Facet::Main), &name)).to_owned();
    assert_eq!(told_of("rep+buyer"), "The role “Rep” may change only its own customers.");
    assert!(!roles.may("nobody+rep", Right::Export), "a role that is not there adds nothing");
}

#[test]
fn one_role_does_not_lend_another_the_part_of_records_that_it_lacks() {
    let wide = CAREFUL.replace("\"own\"", "\"all\"").replace("name = \"rep\"", "name = \"wide\"");
    let deep = CAREFUL.replace("reads = [\"main\"]", "reads = [\"main\", \"private\"]").replace("name = \"rep\"", "name = \"deep\"");
    let (roles, bad) = Roles::builtin().with([("wide".to_owned(), wide), ("deep".to_owned(), deep)], Schema::builtin());
    assert_eq!(bad, []);
    assert_eq!(roles.readable("wide+deep", kind("party")), [Facet::Main]);
    assert_eq!(roles.readable("deep", kind("party")), [Facet::Main, Facet::Private]);
}

#[test]
fn a_rule_with_a_condition_holds_for_the_records_that_it_means() {
    let roles = own_roles();
    let ask = |stage: &str, field: &str| {
        let main = json!({"stage": stage, "owner": UserId::of_cause("ann")});
        let subject = Subject::existing(kind("deal"), Facet::Main, main.as_object().unwrap(), None);
        decide(&roles, &caller("rep"), &subject, &Act::Write { field, item: None, value: None }).is_allowed()
    };
    assert!(ask("proposal", "amount") && ask("proposal", "stage"));
    assert!(!ask("won", "amount") && !ask("lost", "stage"));
    assert!(ask("won", "notes"), "what the rule still allows");
    assert!(roles.has_conditions("rep", kind("deal")) && !roles.has_conditions("rep", kind("party")));
    assert!(roles.may_write_field("rep", kind("deal"), "amount"), "of some deals");
}

#[test]
fn a_default_is_given_where_the_record_may_be_made_with_it() {
    let of_leads = CAREFUL.replace(r#"["won", "lost"]"#, r#"["lead"]"#).replace(r#"["notes"]"#, "[\"stage\"]\ncreate = \"all\"");
    let (leads, bad) = Roles::builtin().with([("rep".to_owned(), of_leads.clone())], Schema::builtin());
    assert_eq!(bad, []);
    let may = |roles: &Roles, role: &str, edits: &[FieldEdit], stage: &str| {
        roles.may_add(&caller(role), kind("deal"), edits, &FieldEdit::set("stage", stage))
    };
    let titled = [FieldEdit::set("title", "Lamps")];
    assert!(may(&own_roles(), "rep", &titled, "lead") && may(&own_roles(), "office", &titled, "lead"));
    assert!(!may(&own_roles(), "rep", &titled, "won"), "a won deal is not theirs to write");
    assert!(!may(&leads, "rep", &titled, "lead"), "of a lead they write the stage alone, and they typed a title");
    assert!(may(&leads, "rep", &[FieldEdit::set("stage", "lead")], "lead") && may(&leads, "rep", &titled, "proposal"));
    // What waits for approval may not become what is refused, either.
    let limit = "\n[[limit]]\nkind = \"deal\"\nfield = \"lines.quantity\"\nabove = 50\noutcome = \"review\"\n";
    let (limited, bad) = Roles::builtin().with([("rep".to_owned(), format!("{of_leads}{limit}"))], Schema::builtin());
    assert_eq!(bad, []);
    let values = json!({"quantity": 90}).as_object().cloned().unwrap();
    let many = [FieldEdit::SetRow { field: "lines".to_owned(), row: "1".to_owned(), values }];
    assert!(!may(&limited, "rep", &many, "lead"), "of a lead they write the stage alone");
    assert!(may(&limited, "rep", &many, "proposal"));
}

#[test]
fn a_refusal_of_one_edit_stands_whatever_of_the_others_waits_for_approval() {
    let values = json!({"discount_percent": 12}).as_object().cloned().unwrap();
    let discount = FieldEdit::SetRow { field: "lines".to_owned(), row: "1".to_owned(), values };
    let edits = [FieldEdit::set("title", "Lamps"), discount, FieldEdit::set("approvals", json!([]))];
    let subject = Subject::new_by(kind("offer"), Facet::Main, UserId::of_cause("ann"));
    let judged = |edits: &[FieldEdit]| against(Roles::builtin(), &caller("rep"), &subject, edits);
    assert_eq!(judged(&edits[..1]).decision, Decision::Allowed);
    let held = judged(&edits[..2]);
    assert!(matches!(held.decision, Decision::Review { .. }) && held.field.as_deref() == Some("lines"), "{held:?}");
    let refused = judged(&edits);
    assert!(matches!(refused.decision, Decision::Denied { .. }) && refused.field.as_deref() == Some("approvals"), "{refused:?}");
    let private =
        against(Roles::builtin(), &caller("rep"), &Subject { kind: kind("party"), ..subject }, [&FieldEdit::set("birthday", "1980-05-03")]);
    assert!(told(&private.decision).contains("may not change “Birthday”"), "each is asked of the facet of its field: {private:?}");
}

#[test]
fn a_role_written_as_text_reads_the_same() {
    let builtin = Roles::builtin();
    for role in builtin.roles().chain(own_roles().roles()) {
        let text = role.to_toml();
        assert_eq!(Role::parse("again", &text, Schema::builtin(), Reading::Strict).as_ref(), Ok(role), "{text}");
    }
}

#[test]
fn a_damaged_role_grants_nothing_and_locks_nobody_out() {
    let damaged = ["rep", "office"].map(|name| (name.to_owned(), "rights = [".to_owned()));
    let (roles, bad) = Roles::builtin().in_force(damaged, Schema::builtin());
    assert_eq!(bad.len(), 2);
    assert!(roles.readable("rep", kind("party")).is_empty());
    assert!(!roles.readable("rep", kind("role")).is_empty(), "the rules themselves are for everybody");
    assert!(roles.may("office", Right::Administer));
    // A kind that is gone takes its rule along, not the whole role, and never widens another.
    let gone = CAREFUL.replace("[\"deal\"]", "[\"old_kind\"]");
    let (roles, bad) = Roles::builtin().with([("rep".to_owned(), gone)], Schema::builtin());
    assert_eq!(bad, []);
    assert_eq!(roles.level("rep", kind("party"), Action::Read), Level::Own);
}

#[test]
fn rules_of_the_house_are_the_administrators_whatever_a_role_says() {
    let text = BUYER.replace("[\"product\"]", "[\"*\"]");
    let (roles, _) = Roles::builtin().with([("buyer".to_owned(), text)], Schema::builtin());
    let name = Act::Write { field: "name", item: None, value: None };
    let may = |role: &str, kind_name: &str| decide(&roles, &caller(role), &others(kind_name, Facet::Main), &name).is_allowed();
    for governing in GOVERNING {
        assert!(!may("buyer", governing), "{governing}");
        assert!(may("office", governing), "{governing}");
    }
    assert!(may("buyer", "party"));
}

// Levels

/// A role that reads and edits at some level.
fn at_level(level: &str) -> Roles {
    let writes = if level == "none" { "" } else { "writes = [\"main\"]" };
    let text = format!(
        "name = \"near\"\nlabel = {{ en = \"Near\", zh = \"近\" }}\n[[rule]]\nkinds = [\"*\"]\nread = \"{level}\"\nedit = \"{level}\"\nreads = [\"main\"]\n{writes}"
    );
    let mut roles = Roles::default();
    roles.insert(Role::parse("near", &text, Schema::builtin(), Reading::Strict).unwrap());
    roles
}

#[test]
fn each_level_reaches_further_than_the_one_before() {
    let act = [Act::Read, Act::Write { field: "name", item: None, value: None }];
    let may = |level: &str, distance: Level| {
        act.map(|act| decide(&at_level(level), &caller("near"), &others("party", Facet::Main).at(distance), &act).is_allowed())
    };
    // What belongs to one's own customer is seen; changing it takes owning it.
    assert_eq!(may("own", Level::Own), [true, false]);
    assert_eq!(may("own", Level::Team), [false, false]);
    assert_eq!(may("team", Level::Own), [true, true]);
    assert_eq!(may("team", Level::Team), [true, true]);
    assert_eq!(may("team", Level::Territory), [false, false]);
    assert_eq!(may("territory", Level::Territory), [true, true]);
    assert_eq!(may("territory", Level::All), [false, false]);
    assert_eq!(may("all", Level::All), [true, true]);
    assert_eq!(may("none", Level::Own), [false, false]);
    let mine = Subject { owner: Some(caller("near").user), ..others("party", Facet::Main) };
    assert!(decide(&at_level("own"), &caller("near"), &mine, &act[1]).is_allowed());
    let denied = decide(&at_level("team"), &caller("near"), &others("party", Facet::Main), &Act::Read);
    assert_eq!(told(&denied), "The role “Near” may see only customers of its own teams.");
    assert_eq!(denied.message().unwrap().zh, "“近”角色只能查看本团队的客户。");
}

#[test]
fn what_is_everyones_is_read_by_whoever_may_read_any_of_it() {
    let roles = at_level("own");
    assert_eq!(roles.level("near", kind("product"), Action::Read), Level::All);
    assert_eq!(roles.level("near", kind("product"), Action::Edit), Level::Own);
    assert_eq!(at_level("none").level("near", kind("product"), Action::Read), Level::None);
}

#[test]
fn what_is_personal_is_nobody_elses_however_far_a_role_goes() {
    for role in Roles::builtin().roles() {
        for action in Action::ALL {
            assert_eq!(Roles::builtin().level(&role.name, kind("follow"), action), Level::Own, "{} {action:?}", role.name);
        }
    }
    assert_eq!(at_level("none").level("near", kind("follow"), Action::Read), Level::None);
}

#[test]
fn whoever_is_asked_for_their_word_writes_that_alone_and_nobody_else_does() {
    let (ann, bo) = (UserId::of_cause("ann"), UserId::of_cause("bo"));
    for role in Roles::builtin().roles() {
        let caller = |user| Caller { user, role: role.name.parse().unwrap() };
        let theirs = Subject { owner: Some(ann), ..Subject::of(kind("approval"), Facet::Main) };
        let write = |field: &'static str| Act::Write { field, item: None, value: None };
        let may = |user, subject: &Subject<'_>, act: &Act<'_>| decide(Roles::builtin(), &caller(user), subject, act).is_allowed();
        for act in [write("decision"), write("note"), Act::Read] {
            assert!(may(ann, &theirs, &act) && !may(bo, &theirs, &act), "{} {act:?}", role.name);
        }
        for act in [write("outcome"), write("approver"), write("archived"), Act::Archive, Act::Create] {
            assert!(!may(ann, &theirs, &act), "{} {act:?}", role.name);
        }
        let new = Subject::new_by(kind("approval"), Facet::Main, ann);
        assert!(!may(ann, &new, &Act::Create) && !may(ann, &new, &write("decision")), "{}", role.name);
        assert_eq!(Roles::builtin().level(&role.name, kind("approval"), Action::Create), Level::None);
    }
}

#[test]
fn who_reaches_whom_follows_from_teams_territories_and_reports() {
    let user = |name: &str| UserId::of_cause(name);
    let member = |name: &str, teams: &[&str], territories: &[&str], reports_to: Option<&str>| Member {
        user: user(name),
        teams: teams.iter().map(|&team| team.to_owned()).collect(),
        territories: territories.iter().map(|&territory| territory.to_owned()).collect(),
        reports_to: reports_to.map(user),
    };
    let members = [
        member("ann", &["east"], &["上海"], Some("dai")),
        member("bo", &["east"], &[], Some("ann")),
        member("chen", &["west"], &[], Some("bo")),
        // Somebody reports in a circle.
        member("dai", &[], &[], Some("chen")),
    ];
    let ann = Reach::of(user("ann"), &members);
    let distance = |holder: Holder| ann.distance([&holder]);
    assert_eq!(distance(Holder::User(user("ann"))), Level::Own);
    assert_eq!(distance(Holder::User(user("bo"))), Level::Team);
    assert_eq!(distance(Holder::User(user("chen"))), Level::Team, "whoever reports to one's reports");
    assert_eq!(distance(Holder::Team("east".into())), Level::Team);
    assert_eq!(distance(Holder::Territory("上海".into())), Level::Territory);
    assert_eq!(distance(Holder::Team("west".into())), Level::All);
    assert_eq!(distance(Holder::Record(RecordId::of_cause("x"))), Level::All);
    assert_eq!(Reach::of(user("eva"), &members), Reach::alone(user("eva")));
}

#[test]
fn a_record_has_the_holders_of_what_it_follows_even_in_a_circle() {
    let (ann, bo) = (UserId::of_cause("ann"), UserId::of_cause("bo"));
    let row = json!({"title": "Paper", "owner": bo.to_string(), "party": RecordId::of_cause("party").to_string()});
    let deal = Facts::of(kind("deal"), row.as_object().unwrap(), Some(ann));
    assert_eq!(deal.follows, [RecordId::of_cause("party")].into());
    let row = json!({"name": "佳美", "teams": ["east"], "territories": ["上海"]});
    let party = Facts::of(kind("party"), row.as_object().unwrap(), Some(ann));
    let [d, p] = ["deal", "party"].map(RecordId::of_cause);
    let facts = |record| if record == d { deal.clone() } else { Facts { follows: [d].into(), ..party.clone() } };
    let all = holders(d, |record| facts(record).holders, |record| facts(record).follows);
    let expected = [
        (Holder::User(bo), true),
        (Holder::User(ann), false),
        (Holder::Team("east".into()), false),
        (Holder::Territory("上海".into()), false),
        (Holder::Record(p), false),
    ];
    assert_eq!(all, expected.into());
    for (holder, _) in all {
        assert_eq!(holder.to_string().parse::<Holder>().unwrap(), holder);
    }
}
