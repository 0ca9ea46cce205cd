use super::*;
use rusqlite::Connection;

fn found(connection: &Connection, query: &str) -> Vec<i64> {
    let Some(expression) = match_expression(query, None) else { return Vec::new() };
    let mut statement = connection.prepare_cached("select rowid from search where search match ?1 order by rowid").unwrap();
    let rows = statement.query_map([expression], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{query:?}: {error}"))
}

fn index(records: &[(&str, &[&str])]) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("create virtual table search using fts5(text, tokenize = 'unicode61')").unwrap();
    for (row, (title, others)) in records.iter().enumerate() {
        connection.execute("insert into search (rowid, text) values (?1, ?2)", (row as i64, index_text(title, others))).unwrap();
    }
    connection
}

/// Whether a slip is forgiven: found by what may have been meant, and not as it was typed.
fn forgives(title: &str, query: &str) -> bool {
    let connection = index(&[(title, &[])]);
    let near = near_expression(query).unwrap_or_default();
    let mut statement = connection.prepare("select count(*) from search where search match ?1").unwrap();
    found(&connection, query).is_empty() && !near.is_empty() && statement.query_row([near], |row| row.get::<_, i64>(0)).unwrap() == 1
}

#[test]
fn a_slip_of_the_finger_and_chinese_that_sounds_the_same_are_forgiven() {
    for (title, typed) in [
        ("佳美办公", "jiamie"),
        ("佳美办公", "jiamwi"),
        ("佳美办公", "jamei"),
        ("佳美办公", "家美"),
        ("佳美办公", "嘉美办公"),
        ("Müller & Söhne GmbH", "muler"),
        ("Müller & Söhne GmbH", "sohnr"),
        ("Nordwind GmbH", "nordwnid"),
        ("Nordwind GmbH", "norwind gmb"),
    ] {
        assert!(forgives(title, typed), "{title} by {typed}");
    }
    for (title, typed) in [("佳美办公", "jiamao"), ("Nordwind GmbH", "sturmwind"), ("佳美办公", "海河")] {
        assert!(!forgives(title, typed), "{title} by {typed}");
    }
}

fn finds(title: &str, others: &[&str], query: &str) -> bool {
    !found(&index(&[(title, others)]), query).is_empty()
}

/// A text, what somebody types, and whether that finds it.
const HALF_REMEMBERED: &[(&str, &str, bool)] = &[
    // Chinese by any part.
    ("深圳市佳美办公用品有限公司", "佳美", true),
    ("深圳市佳美办公用品有限公司", "办公", true),
    ("深圳市佳美办公用品有限公司", "公", true),
    ("深圳市佳美办公用品有限公司", "办公 深圳", true),
    ("深圳市佳美办公用品有限公司", "美佳", false),
    ("深圳市佳美办公用品有限公司", "佳公", false),
    ("佳美A4办公", "美办", false),
    ("佳美（办公）", "佳美办公", true),
    // By initials, from any character on.
    ("佳美办公", "jm", true),
    ("佳美办公", "jmbg", true),
    ("佳美办公", "JMBG", true),
    ("佳美办公", "bg", true),
    ("佳美办公", "mb", true),
    ("佳美办公", "gb", false),
    // By whole syllables.
    ("佳美办公", "jiamei", true),
    ("佳美办公", "jiameiban", true),
    ("佳美办公", "jiam", true),
    ("佳美办公", "bangong", true),
    ("佳美办公", "jia mei", true),
    ("佳美办公", "meijia", false),
    ("西安", "xi'an", true),
    ("深圳市佳美办公用品有限公司", "shenzhenshijiameibangongyongpin", true),
    ("旅行社", "lvxing", true),
    ("旅行社", "luxing", true),
    ("旅行社", "lüxing", true),
    ("中国银行", "zgyh", true),
    ("重庆长安", "chongqing", true),
    ("长沙", "changsha", true),
    // Latin by the beginning of words.
    ("Müller & Söhne GmbH", "muller", true),
    ("Müller & Söhne GmbH", "MÜL soh", true),
    ("Mu\u{308}ller", "müller", true),
    ("Muller", "Müll", true),
    ("Straße", "strasse", true),
    ("Acme Office", "ffice", false),
    ("Acme Office", "office acme", true),
    ("Acme Office", "office party", false),
    ("ＴＣＬ科技", "tcl", true),
    ("Ελλάδα Анна", "анн", true),
    ("internationalisation-of-everything", "internationalisation", true),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
    // Digits by any three in a row.
    ("13812345678", "138", true),
    ("13812345678", "5678", true),
    ("13812345678", "234567", true),
    ("13812345678", "13812345678", true),
    ("13812345678", "5679", false),
    ("+86 138-1234-5678", "13812345678", true),
    ("+86 138-1234-5678", "1234 5678", true),
    ("+86 138 1234 5678", "3456", true),
    ("SN20260042", "0042", true),
    ("SN20260042", "sn2026", true),
    ("A4", "a4", true),
    ("7 rooms", "7", true),
    ("佳美100号", "100", true),
    ("91440300MA5EUXXX0K", "ma5eu", false),
    ("91440300MA5EUXXX0K", "914403", true),
    // E-mail by its parts.
    ("li.ming@jiamei.com.cn", "ming", true),
    ("li.ming@jiamei.com.cn", "jiamei.com", true),
    ("li.ming@jiamei.com.cn", "li.ming@jiamei.com.cn", true),
    ("li.ming@jiamei.com.cn", "@jiamei", true),
    // Other scripts, and characters newer than the tokenizer.
    ("カタカナ会社", "カナ", true),
    ("한국어", "국어", true),
    ("\u{2B820}\u{2B821}", "\u{2B821}", true),
    ("\u{9FFE}山", "\u{9FFE}山", true),
    ("\u{1E900}", "\u{1E900}", true),
];

#[test]
fn people_find_what_they_half_remember() {
    for (text, query, expected) in HALF_REMEMBERED {
        assert_eq!(
            finds(text, &[], query),
            *expected,
            "{query:?} in {text:?}: {} against {:?}",
            index_text(text, &[]),
            match_expression(query, None)
        );
    }
}

#[test]
fn titles_that_sound_so_from_their_beginning_are_asked_for_by_themselves() {
    let connection = index(&[("上海佳美", &["佳美"]), ("佳美办公 A4", &[]), ("Jiabao", &["佳美"]), ("旅行社", &[]), ("Beijing Jia", &[])]);
    let begins = |typed: &str| -> Vec<Vec<i64>> {
        let found = |expression: String| {
            let mut statement = connection.prepare("select rowid from search where search match ?1 order by rowid").unwrap();
            let rows = statement.query_map([expression], |row| row.get(0)).unwrap();
            rows.collect::<Result<Vec<i64>, _>>().unwrap()
        };
        start_expressions(typed).into_iter().map(found).collect()
    };
    let cases: [(&str, &[&[i64]]); 9] = [
        ("jia", &[&[2], &[1]]),
        ("jm", &[&[], &[1]]),
        ("jia mei", &[&[2], &[1]]),
        ("jmbga", &[&[], &[1]]),
        ("lvxing", &[&[], &[3]]),
        ("luxing", &[&[], &[3]]),
        ("佳美", &[&[1]]),
        ("mei", &[&[], &[]]),
        ("", &[]),
    ];
    for (typed, expected) in cases {
        assert_eq!(begins(typed), expected, "{typed}");
    }
}

#[test]
fn long_notes_are_found_by_their_characters_but_not_by_initials() {
    let note = "客户要求在下个月之前完成全部办公家具的更换并且提供三年的上门维护服务";
    assert!(finds("佳美", &[note], "办公家具"));
    assert!(!finds("佳美", &[note], "bgjj"));
    assert!(finds("佳美", &["王小明"], "wxm"));
}

#[test]
fn a_phrase_does_not_reach_from_one_text_into_the_next() {
    let note = "客户要求在下个月之前完成全部办公家具的更换并且提供三年的上门维护服务";
    assert!(!finds("佳", &[note, note], "务客户"));
    assert!(!finds("12", &["345"], "2345"));
}

#[test]
fn whatever_people_type_is_a_valid_expression() {
    let connection = index(&[("佳美", &[])]);
    let odd = [
        "\"",
        "'",
        "*",
        "a*",
        "NEAR(",
        "a NEAR b",
        "AND",
        "OR NOT",
        "a AND",
        "-a",
        "^a",
        "a:b",
        "text:",
        "{a b}:c",
        "(",
        ")",
        "+",
        "\\",
        "%_",
        "🙂",
        "🙂佳",
        "\0",
        "a\0b",
        "\u{301}",
        "\u{a7c2}",
        "\u{1c90}",
        "\u{E000}",
        "½²",
        "ａ",
        "\n\t",
        "--",
        ";drop table search",
        "\u{202e}abc",
        "",
    ];
    for query in odd {
        found(&connection, query);
    }
    assert_eq!(found(&connection, "🙂佳"), [0]);
    assert_eq!(match_expression("\u{E000}", None), None);
    let words: Vec<String> = (0..100).map(|word| format!("w{word}")).collect();
    assert_eq!(match_expression(&words.join(" "), None).map(|text| text.matches(" AND ").count()), Some(MAX_WORDS - 1));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
    #[test]
    fn any_text_is_found_by_itself_and_no_search_fails(text in "\\PC{0,40}", query in "\\PC{0,20}") {
        let connection = index(&[(&text, &[])]);
        found(&connection, &query);
        if match_expression(&text, None).is_some() && text.chars().all(|c| u32::from(c) < 0x500 || ('\u{4E00}'..='\u{9FFF}').contains(&c)) {
            proptest::prop_assert_eq!(found(&connection, &text), vec![0]);
        }
        // Any part of the Chinese, and any three digits, too.
        let chinese: String = text.chars().filter(|c| ('\u{4E00}'..='\u{9FFF}').contains(c)).collect();
        for part in chinese.chars().map(String::from) {
            proptest::prop_assert_eq!(found(&connection, &part), vec![0]);
        }
    }
}

#[test]
fn titles_are_sorted_by_pinyin_among_latin_letters() {
    let sorted =
        ["", "007", "42", "阿里", "Apple", "apple", "Baidu", "北京", "佳美", "Müller", "西安", "先锋", "张三", "张四", "章一", "Zoo"];
    let mut titles: Vec<&str> = sorted.iter().rev().copied().collect();
    titles.sort_by_key(|title| sort_key(title));
    assert_eq!(titles, sorted);
}
