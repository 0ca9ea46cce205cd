//! How alike records are, and why.

use serde_json::json;

use super::*;
use crate::schema::Schema;

fn profile(fields: Json) -> Profile {
    let kind = Schema::builtin().kind("party").unwrap();
    Profile::of(kind, fields.as_object().unwrap(), Country::default())
}

fn phone(number: &str) -> Json {
    json!([{"id": "p", "value": number}])
}

#[test]
fn weights_are_what_their_chances_say() {
    let weight = |agree: f64, chance: f64| ((agree / chance).log2() * 10.0).round() as i32;
    let cases = [
        (Evidence::TaxId, false, weight(0.95, 0.000_001)),
        (Evidence::Email, false, weight(0.8, 0.0001)),
        (Evidence::Phone, false, weight(0.85, 0.0003)),
        (Evidence::Name, true, weight(0.7, 0.01)),
        (Evidence::Name, false, weight(0.7, 0.0005)),
        (Evidence::Pinyin, true, weight(0.8, 0.02)),
        (Evidence::Pinyin, false, weight(0.8, 0.001)),
        (Evidence::NearName, false, weight(0.85, 0.01)),
        (Evidence::Domain, false, weight(0.6, 0.005)),
        (Evidence::Belongs, false, weight(0.95, 0.0005)),
        (Evidence::OtherTaxId, false, weight(0.05, 0.999_999)),
        (Evidence::BelongsElsewhere, false, weight(0.05, 0.9995)),
        (Evidence::OtherName, false, weight(0.15, 0.99)),
        (Evidence::OtherType, false, weight(0.02, 0.5)),
    ];
    for (evidence, short, expected) in cases {
        assert_eq!(evidence.weight(short), expected, "{evidence:?}");
    }
}

#[test]
fn what_is_likely_and_what_is_not() {
    let cases = [
        (
            "one phone, one name",
            json!({"name": "佳美办公用品", "phones": phone("138 1234 5678")}),
            json!({"name": "深圳市佳美办公用品有限公司", "phones": phone("+8613812345678")}),
            true,
        ),
        (
            "only a phone is typed yet",
            json!({"phones": phone("0755-88881234")}),
            json!({"name": "佳美", "phones": phone("+86 755 8888 1234")}),
            true,
        ),
        ("homophones", json!({"name": "嘉美办公用品"}), json!({"name": "佳美办公用品有限公司"}), true),
        ("pinyin typed", json!({"name": "Jiameibangong"}), json!({"name": "佳美办公"}), true),
        (
            "a mistyped name at one domain",
            json!({"name": "Cedar Tradnig", "website": "cedar.cn"}),
            json!({"name": "Cedar Trading Ltd", "emails": [{"id": "e", "value": "x@cedar.cn"}]}),
            true,
        ),
        (
            "one address",
            json!({"name": "Ann", "emails": [{"id": "e", "value": "Ann@cedar.cn"}]}),
            json!({"name": "王安", "emails": [{"id": "f", "value": "ann@cedar.cn"}]}),
            true,
        ),
        ("one tax id", json!({"name": "A", "tax_id": "91350100M000100Y43"}), json!({"name": "B", "tax_id": "91350100-m000100y43"}), true),
        ("a common name", json!({"name": "王芳"}), json!({"name": "王芳"}), false),
        (
            "one name, two tax ids",
            json!({"name": "佳美办公用品", "tax_id": "1111111"}),
            json!({"name": "佳美办公用品", "tax_id": "2222222"}),
            false,
        ),
        (
            "one name, a mistyped tax id",
            json!({"name": "佳美办公用品", "tax_id": "91350100M000100Y43"}),
            json!({"name": "佳美办公用品", "tax_id": "91350100M000100Y46"}),
            true,
        ),
        (
            "a company and its contact at one switchboard",
            json!({"name": "佳美办公用品", "type": "org", "phones": phone("88881234")}),
            json!({"name": "王芳", "type": "person", "phones": phone("88881234")}),
            false,
        ),
        (
            "one phone, two names",
            json!({"name": "Nanhu Trading", "phones": phone("138 1234 5678")}),
            json!({"name": "佳美办公用品", "phones": phone("+8613812345678")}),
            true,
        ),
        ("nothing in common", json!({"name": "Cedar"}), json!({"name": "Nanhu"}), false),
    ];
    for (what, left, right, likely) in cases {
        check(what, &profile(left), &profile(right), likely);
    }
}

#[test]
fn cases_of_one_customer_are_alike_while_both_are_open() {
    let kind = Schema::builtin().kind("case").unwrap();
    let (one, other) = (RecordId::of_cause("one"), RecordId::of_cause("other"));
    let case = |subject: &str, party: RecordId, status: &str| {
        Profile::of(kind, json!({"subject": subject, "party": party, "status": status}).as_object().unwrap(), Country::default())
    };
    let first = case("打印机无法打印彩色", one, "new");
    for (what, second, likely) in [
        ("asked twice", case("打印机无法打印彩色", one, "open"), true),
        ("in other words", case("三楼的打印机无法打印彩色", one, "new"), true),
        ("about something else", case("发票抬头需要更改", one, "new"), false),
        ("by another customer", case("打印机无法打印彩色", other, "new"), false),
        ("solved by now", case("打印机无法打印彩色", one, "solved"), false),
    ] {
        check(what, &first, &second, likely);
    }
}

fn check(what: &str, left: &Profile, right: &Profile, likely: bool) {
    let likeness = left.compare(right);
    assert_eq!(likeness.is_likely(), likely, "{what}: {likeness:?}");
    assert_eq!(likeness, right.compare(left), "{what}: both ways");
    if likely {
        assert!(left.keys().intersection(&right.keys()).next().is_some(), "{what}: they share a key");
        assert!(likeness.percent() >= 50, "{what}");
    }
}

#[test]
fn a_number_of_many_tells_nothing_apart_and_a_name_of_as_many_does() {
    for key in profile(json!({"name": "佳美", "phones": phone("13812345678"), "tax_id": "91350100M000100Y43"})).keys() {
        assert_eq!(shared_by_max(&key) < 10, key.starts_with("p:") || key.starts_with("t:"), "{key}");
    }
}

#[test]
fn reasons_are_in_words_the_heaviest_first() {
    let left = profile(json!({"name": "佳美办公用品", "phones": phone("13812345678")}));
    let right = profile(json!({"name": "佳美办公用品有限公司", "phones": phone("86 13812345678")}));
    let likeness = left.compare(&right);
    let words: Vec<String> = likeness.reasons.iter().map(|reason| reason.words().en).collect();
    assert_eq!(words, ["same phone number: +8613812345678", "same name: 佳美办公用品"]);
    assert_eq!(likeness.reasons[0].words().zh, "电话相同：+8613812345678");
    assert_eq!(likeness.percent(), 99);
}

#[test]
fn what_people_have_decided_is_not_asked_again() {
    let (one, two) = (RecordId::of_cause("1"), RecordId::of_cause("2"));
    let apart = profile(json!({"name": "佳美", "not_same_as": [two.to_string()]}));
    assert!(apart.is_decided(one, &profile(json!({})), two));
    assert!(profile(json!({})).is_decided(two, &apart, one));
    assert!(profile(json!({"alias_of": [two.to_string()]})).is_decided(one, &profile(json!({})), two));
    assert!(!profile(json!({})).is_decided(one, &profile(json!({})), two));
}

#[test]
fn nearness_is_winklers() {
    for (left, right, expected) in [("martha", "marhta", 0.961), ("dixon", "dicksonx", 0.813), ("", "a", 0.0), ("a", "a", 1.0)] {
        assert!((nearness(left, right) - expected).abs() < 0.001, "{left} {right}: {}", nearness(left, right));
    }
}
