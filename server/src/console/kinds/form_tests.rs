//! Forms that become kinds, and kinds that become forms.

use sync_core::schema::{Reading, Schema};

use super::*;

#[test]
fn names_come_from_labels_in_either_language() {
    for (label, name) in [("Exterior colour", "exterior_colour"), ("样车", "yangche"), ("4S 店", "n4sdian"), ("!", "")] {
        assert_eq!(named(label), name, "{label}");
    }
    assert_eq!(free("id", &[]), "id_2", "what every record has of its own is no name for a field");
}

#[test]
fn every_built_in_kind_goes_through_the_form_and_comes_back_the_same() {
    for kind in Schema::builtin().kinds() {
        let mut form = KindForm::from(kind);
        form.check(false, |_| false, |wrong| format!("{wrong:?}")).unwrap();
        assert!(!form.has_errors(), "{}: {:?}", kind.name, form.fields.iter().filter_map(|field| field.error.as_ref()).collect::<Vec<_>>());
        let mut back = form.kind(Some(kind)).unwrap();
        // The form lists columns in the order of the fields.
        back.list.sort_by_key(|name| kind.list.iter().position(|known| known == name));
        assert_eq!(back, **kind);
    }
}

#[test]
fn a_kind_that_was_saved_when_its_fields_were_derived_and_not_computed_is_saved_again() {
    let offer = Schema::builtin().kind("offer").unwrap().to_toml();
    let formula = offer.lines().find(|line| line.starts_with("formula = ")).unwrap();
    let balance = "\n[[field]]\nname = \"collision\"\nlabel = { en = \"C\", zh = \"C\" }\nmerge = \"derived\"\n";
    let text = offer.replace(formula, "") + balance;
    let schema = Schema::builtin().with([Kind::parse("offer", &text, Reading::Lenient).unwrap()]);
    let kind = schema.kind("offer").unwrap();
    let saved = KindForm::from(kind).kind(Some(kind)).unwrap();
    let saved = schema.define("the form", &saved.to_toml()).unwrap();
    assert!(saved.field("total").unwrap().computed().is_some() && saved.field("collision").is_none());
}

#[test]
fn a_default_that_was_taken_out_of_a_built_in_choice_stays_out() {
    let schema = Schema::builtin();
    let saved = |schema: &Schema, default: Option<&str>| {
        let kind = schema.kind("deal").unwrap();
        let mut form = KindForm::from(kind);
        let stage = form.field_at("stage").unwrap();
        stage.default = default.map_or(stage.default.clone(), str::to_owned);
        let text = form.kind(Some(kind)).unwrap().to_toml();
        schema.with([Kind::parse("deal", &text, Reading::Strict).unwrap()])
    };
    let usual = |schema: &Schema| schema.kind("deal").unwrap().field("stage").unwrap().usual().map(str::to_owned);
    assert_eq!(usual(schema).as_deref(), Some("lead"));
    let without = saved(schema, Some(""));
    assert_eq!(usual(&without), None);
    let again = saved(&without, None);
    assert_eq!(usual(&again), None, "whatever else is changed later");
    assert_eq!(usual(&saved(&again, Some("Qualified"))).as_deref(), Some("qualified"));
}

#[test]
fn options_are_read_as_people_write_them() {
    let form = FieldForm {
        value: "choice".to_owned(),
        options: "In stock | 库存 | green\nSold\nreserved | Reserved | 已订 | amber | 60%".to_owned(),
        ..FieldForm::default()
    };
    let choices = form.choices(None);
    let read: Vec<_> = choices
        .iter()
        .map(|choice| (&*choice.value, &*choice.label.en, &*choice.label.zh, choice.colour.as_deref(), choice.weight))
        .collect();
    assert_eq!(
        read,
        [
            ("in_stock", "In stock", "库存", Some("green"), None),
            ("sold", "Sold", "Sold", None, None),
            ("reserved", "Reserved", "已订", Some("amber"), Some(60))
        ]
    );
}

#[test]
fn rows_are_declared_in_the_form_and_what_is_wrong_is_told_at_its_part() {
    let pairs = |merge: &str, kind: &str| {
        let pairs = [
            ("label_en", "Trip"),
            ("fields", "2"),
            ("field.0.label_en", "Where"),
            ("field.1.label_en", "Stops"),
            ("field.1.type", "number"),
            ("field.1.merge", merge),
            ("field.1.items", "3"),
            ("field.1.item.0.label_en", "Town"),
            ("field.1.item.0.required", "on"),
            ("field.1.item.1.label_en", "Whom"),
            ("field.1.item.1.type", kind),
            ("field.1.item.2.label_en", ""),
        ];
        KindForm::typed(&Typed::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()), None)
    };
    let mut form = pairs("list", "phone");
    form.check(true, |_| false, |wrong| format!("{wrong:?}")).unwrap();
    assert!(!form.has_errors(), "{form:?}");
    let kind = Kind::parse("form", &form.kind(None).unwrap().to_toml(), Reading::Strict).unwrap();
    let stops = kind.field("stops").unwrap();
    let parts: Vec<_> = stops.items.iter().map(|part| (&*part.name, part.value.as_str(), part.required)).collect();
    assert_eq!(parts, [("town", "string", true), ("whom", "phone", false)]);
    for word in ["paragraph", "number", "date", "money", "boolean"] {
        let mut form = pairs("list", word);
        form.check(true, |_| false, |wrong| format!("{wrong:?}")).unwrap();
        Kind::parse("form", &form.kind(None).unwrap().to_toml(), Reading::Strict).unwrap_or_else(|bad| panic!("{word}: {bad}"));
    }
    for (merge, kind, at_field, at_part) in [
        ("list", "link", None, Some("NoTargets")),
        ("list", "choice", None, Some("NoOptions")),
        ("register", "phone", Some("NotRows"), None),
    ] {
        let mut form = pairs(merge, kind);
        form.check(true, |_| false, |wrong| format!("{wrong:?}")).unwrap();
        let errors = (form.fields[1].error.as_deref(), form.fields[1].items[1].error.as_deref());
        assert_eq!(errors, (at_field, at_part));
    }
}

#[test]
fn what_the_form_makes_is_a_good_kind() {
    let pairs = [
        ("label_zh", "样车"),
        ("fields", "3"),
        ("title", "0"),
        ("board", "zhuangtai"),
        ("field.0.label_zh", "车牌"),
        ("field.0.required", "on"),
        ("field.0.listed", "on"),
        ("field.1.label_zh", "状态"),
        ("field.1.type", "choice"),
        ("field.1.options", "库存\n已售"),
        ("field.2.label_en", ""),
    ];
    let typed = Typed::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    let mut form = KindForm::typed(&typed, None);
    form.check(true, |_| false, |wrong| format!("{wrong:?}")).unwrap();
    let kind = form.kind(None).unwrap();
    assert_eq!((&*kind.name, &*kind.title, kind.fields.len()), ("yangche", "chepai", 2));
    Kind::parse("form", &kind.to_toml(), Reading::Strict).unwrap();
}
