//! Who may do what, as sentences.

use serde_json::{Value, json};

use super::*;
use crate::schema::Schema;

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
    assert_eq!(names, ["manager", "office", "rep"]);
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
        ("rep", "kind", "definition", "The role “Sales representative” may not change kinds."),
        ("rep", "member", "role", "The role “Sales representative” may not change members."),
        ("rep", "rule", "enabled", "The role “Sales representative” may not change rules."),
        ("manager", "member", "role", "The role “Sales manager” may not change members."),
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
        ("[[rule]]\nkinds = [\"*\"]\nread = \"every\"", "r:5: there is no level `every`: one of all, own, none"),
        ("[[rule]]\nkinds = [\"*\"]\nread = \"own\"\nedit = \"all\"", "r:6: the rule lets `edit` go further than `read`"),
        ("[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nreads = [\"mian\"]", "r:6: there is no facet `mian`, did you mean `main`?"),
        ("[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nwrites = [\"main\"]", "r:6: the rule writes the facet `main` and does not read it"),
        (
            "[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nedit = \"all\"\nreads = [\"main\"]",
            "r:3: a rule that lets records be changed says in `writes`",
        ),
        ("[[rule]]\nkinds = [\"*\"]\nonly_fields = [\"name\"]", "r:5: `only_fields` needs named kinds"),
        ("[[rule]]\nkinds = [\"party\"]\nexcept_fields = [\"nmae\"]", "r:5: kind `party` has no field `nmae`, did you mean `name`?"),
        ("[[rule]]\nkinds = [\"*\"]\n[[rule]]\nkinds = [\"*\"]", "r:6: role `r` has another rule for one of these kinds"),
        ("rights = [\"exprot\"]", "r:3: there is no right `exprot`, did you mean `export`?"),
        ("[[limit]]\nkind = \"offer\"\nfield = \"lines.discount\"", "r:5: rows of `lines` have no `discount`"),
        ("[[limit]]\nkind = \"offer\"\nfield = \"title\"", "r:5: `title` is not one number: it has no limit"),
        ("[[limit]]\nkind = \"offer\"\nfield = \"quantity\"\nabove = \"x\"", "r:6: `above` must be a number, not string"),
    ];
    for (text, want) in cases {
        let text = format!("{HEAD}\n{text}\n");
        let message = Role::parse("r", &text, Schema::builtin()).expect_err(want).to_string();
        assert!(message.starts_with(want), "told: {message}\nwant: {want}");
    }
}
