//! One way to write what people write in many: phone numbers, e-mail addresses, tax ids, names.
//!
//! What comes out is compared and indexed, never shown instead of what somebody typed.

use super::country::{Country, at_home, without_trunk};
use crate::search;

/// Shorter ones are extensions or mistakes; E.164 allows no more than the upper bound.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// What begins an extension: everything from there on is not the number.
const EXTENSIONS: [&str; 6] = ["转", "分机", "ext", "x", "#", ";"];

/// A phone number in E.164 (`+8613812345678`), one without a country code as of a number at home; one without area code as
/// its digits. `None` when it is no number.
///
/// ```
/// use sync_core::actions::duplicates::country::Country;
/// use sync_core::actions::duplicates::normal::phone;
/// let (china, germany) = (Country::default(), Country::named("DE").unwrap());
/// assert_eq!(phone("(0755) 8888-1234 转 801", china).as_deref(), Some("+8675588881234"));
/// assert_eq!(phone("0086 138 1234 5678", germany), phone("13812345678", china));
/// assert_eq!(phone("030 123456", germany), phone("+49 30 123456", china));
/// ```
pub fn phone(text: &str, home: Country) -> Option<String> {
    let lower = narrow(text).to_lowercase();
    let end = EXTENSIONS.iter().filter_map(|mark| lower.find(mark)).min().unwrap_or(lower.len());
    // `+44 (0)20`: the zero is only dialled at home.
    let number = lower[..end].replace("(0)", "");
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let abroad = if number.trim_start().starts_with('+') { Some(&*digits) } else { digits.strip_prefix("00") };
    let full = match abroad.map(without_trunk).or_else(|| home.abroad(&digits)) {
        Some(number) => format!("+{number}"),
        None => digits,
    };
    PHONE_DIGITS.contains(&full.trim_start_matches('+').len()).then_some(full)
}

/// Whether a text is written as numbers are, and says nothing else.
pub fn is_number(text: &str) -> bool {
    narrow(text).trim().chars().all(|sign| sign.is_ascii_digit() || " +-()/.".contains(sign))
}

/// What a number ends with however it is written, with its area code: digits that an index is asked for. `None` when the text
/// is not a whole number, and nothing else.
pub fn phone_digits(text: &str, home: Country) -> Option<String> {
    let number = phone(text, home).filter(|_| is_number(text))?;
    at_home(&number).map(str::to_owned)
}

/// Full width letters and digits as plain ones.
fn narrow(text: &str) -> String {
    let one = |character: char| match u32::from(character) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(character),
        0x3000 => ' ',
        _ => character,
    };
    text.chars().map(one).collect()
}

/// An e-mail address as mail servers compare them, near enough; `None` when it is none.
pub fn email(text: &str) -> Option<String> {
    let text = narrow(text).trim().to_lowercase();
    let (name, domain) = text.split_once('@')?;
    (!name.is_empty() && domain.contains('.')).then_some(text)
}

/// Domains where everybody has an address: they say nothing about whose it is.
const EVERYBODYS: [&str; 22] = [
    "126.com",
    "139.com",
    "163.com",
    "189.cn",
    "aliyun.com",
    "foxmail.com",
    "gmail.com",
    "gmx.de",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "me.com",
    "msn.com",
    "outlook.com",
    "proton.me",
    "qq.com",
    "sina.com",
    "sohu.com",
    "yahoo.com",
    "yeah.net",
    "vip.qq.com",
];

/// A company's domain: of an e-mail address or a web address, unless it is everybody's.
pub fn domain(text: &str) -> Option<String> {
    let text = narrow(text).trim().to_lowercase();
    let text = text.rsplit_once('@').map_or(&*text, |(_, domain)| domain);
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = text.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    (host.contains('.') && !EVERYBODYS.contains(&host)).then(|| host.to_owned())
}

/// A tax number shorter than this is none.
const TAX_ID_MIN: usize = 6;

/// A tax id (统一社会信用代码 and others): letters and digits only, capitals.
pub fn tax_id(text: &str) -> Option<String> {
    let id: String = narrow(text).chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect();
    (id.len() >= TAX_ID_MIN).then_some(id)
}

/// The letters of a 统一社会信用代码, each standing for its place, and the weight of each place (GB 32100-2015).
const CREDIT_LETTERS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const CREDIT_WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// Whether this is a 统一社会信用代码 whose check character is right.
pub fn is_credit_code(id: &str) -> bool {
    let places: Option<Vec<usize>> = id.bytes().map(|letter| CREDIT_LETTERS.iter().position(|known| *known == letter)).collect();
    let Some((check, places)) = places.as_ref().and_then(|places| places.split_last()).filter(|(_, rest)| rest.len() == 17) else {
        return false;
    };
    let sum: usize = places.iter().zip(CREDIT_WEIGHTS).map(|(place, weight)| place * weight).sum();
    *check == (CREDIT_LETTERS.len() - sum % CREDIT_LETTERS.len()) % CREDIT_LETTERS.len()
}

/// What companies are by law, at the end of Chinese names; longer ones first.
const FORMS_ZH: [&str; 8] = ["股份有限公司", "有限责任公司", "集团有限公司", "有限公司", "集团公司", "总公司", "公司", "集团"];
/// The same as words of other languages.
const FORMS: [&str; 34] = [
    "ab",
    "ag",
    "as",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "gmbh",
    "group",
    "holding",
    "holdings",
    "inc",
    "incorporated",
    "kg",
    "kk",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "nv",
    "oy",
    "plc",
    "pte",
    "pty",
    "sa",
    "sarl",
    "sas",
    "sdn",
    "bhd",
    "spa",
    "srl",
    "se",
];
/// Places that stand before or behind the name proper: people leave them out.
const PLACES: [&str; 30] = [
    "北京", "上海", "天津", "重庆", "广东", "深圳", "广州", "东莞", "佛山", "珠海", "浙江", "杭州", "宁波", "江苏", "南京", "苏州", "无锡",
    "福建", "厦门", "福州", "四川", "成都", "湖北", "武汉", "山东", "青岛", "济南", "西安", "大连", "中国",
];
/// What is left without a place must still be a name.
const PROPER_MIN: usize = 4;

/// A name without what everybody's has: case, accents, legal form, place.
///
/// ```
/// use sync_core::actions::duplicates::normal::name;
/// assert_eq!(name("深圳市佳美办公用品有限公司"), name("佳美办公用品（深圳）"));
/// assert_eq!(name("Cedar Trading Co., Ltd."), "cedar trading");
/// ```
pub fn name(text: &str) -> String {
    let mut words = search::words(text);
    while words.len() > 1 && words.last().is_some_and(|word| FORMS.contains(&&**word)) {
        words.pop();
    }
    if words.len() > 1 && words[0] == "the" {
        words.remove(0);
    }
    let mut name = String::new();
    for word in words {
        let between_letters =
            name.ends_with(|last: char| last.is_ascii_alphanumeric()) && word.starts_with(|first: char| first.is_ascii_alphanumeric());
        if between_letters {
            name.push(' ');
        }
        name.push_str(&word);
    }
    without_place(without_form(&name)).to_owned()
}

fn without_form(name: &str) -> &str {
    let shorter = FORMS_ZH.iter().find_map(|form| name.strip_suffix(form)).filter(|rest| rest.chars().count() > 1);
    shorter.unwrap_or(name)
}

fn without_place(name: &str) -> &str {
    let before = |name: &'_ str| -> Option<usize> {
        let place = PLACES.iter().find(|place| name.starts_with(**place))?;
        let rest = &name[place.len()..];
        Some(place.len() + if rest.starts_with(['市', '省']) { '市'.len_utf8() } else { 0 })
    };
    let proper = |rest: &str| rest.chars().count() >= PROPER_MIN;
    let name = before(name).map(|cut| &name[cut..]).filter(|rest| proper(rest)).unwrap_or(name);
    let behind = PLACES.iter().find_map(|place| name.strip_suffix('市').unwrap_or(name).strip_suffix(place));
    behind.filter(|rest| proper(rest)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_one_number_however_it_is_written() {
        let cases = [
            ("13812345678", "+8613812345678"),
            ("+86 138-1234-5678", "+8613812345678"),
            ("86 138 1234 5678", "+8613812345678"),
            ("００８６１３８１２３４５６７８", "+8613812345678"),
            ("0755-88881234", "+8675588881234"),
            ("+86 0755 8888 1234", "+8675588881234"),
            ("010 6552 9988 ext. 12", "+861065529988"),
            ("400-820-8820", "+864008208820"),
            ("+44 (0)20 7946 0000", "+442079460000"),
            ("0049 30 901820", "+4930901820"),
            ("88881234", "88881234"),
        ];
        for (typed, number) in cases {
            assert_eq!(phone(typed, Country::default()).as_deref(), Some(number), "{typed}");
        }
        for nothing in ["", "12345", "call me", "转 801"] {
            assert_eq!(phone(nothing, Country::default()), None, "{nothing}");
        }
    }

    #[test]
    fn a_number_without_a_country_is_one_of_the_workspaces_own() {
        let cases = [
            ("DE", "030 123456", "+4930123456"),
            ("DE", "+49 (0)30 123456", "+4930123456"),
            ("DE", "+49 030 123456", "+4930123456"),
            ("DE", "49 30 12345678", "+493012345678"),
            ("DE", "0151 23456789", "+4915123456789"),
            ("DE", "123456", "123456"),
            ("DE", "8888 1234", "88881234"),
            ("DE", "13812345678", "13812345678"),
            ("GB", "020 7946 0000", "+442079460000"),
            ("US", "(212) 555-0100", "+12125550100"),
            ("US", "1-212-555-0100", "+12125550100"),
            ("IT", "06 6982 1234", "+390669821234"),
            ("IT", "+39 06 6982 1234", "+390669821234"),
            ("ES", "912 345 678", "+34912345678"),
            ("ES", "34 912 345 678", "+34912345678"),
            ("RU", "8 (495) 123-45-67", "+74951234567"),
            ("RU", "812 123-45-67", "+78121234567"),
            ("BY", "8 029 123-45-67", "+375291234567"),
            ("HU", "06 1 234 5678", "+3612345678"),
            ("SG", "6123 4567", "+6561234567"),
            ("CN", "030 123456", "030123456"),
            // Where national numbers are short, seven digits are one whatever they begin with, and the country's code before them is one.
            ("IS", "555 1234", "+3545551234"),
            ("IS", "354 1234", "+3543541234"),
            ("IS", "423 1234", "+3544231234"),
            ("IS", "354 555 1234", "+3545551234"),
            ("IS", "3541 2345", "35412345"),
            ("LI", "234 5678", "+4232345678"),
            ("LI", "423 5678", "+4234235678"),
            ("LI", "423 234 5678", "+4232345678"),
            ("PA", "507 1234", "+5075071234"),
            ("PA", "507 212 3456", "+5072123456"),
            ("EE", "372 1234", "+3723721234"),
            ("EE", "372 612 3456", "+3726123456"),
            ("LU", "352 123 456", "+352352123456"),
            ("LU", "352 12 34 567", "+3521234567"),
            // Not shorter than what is dialled at home: a town's number may begin so.
            ("DE", "4930 1234", "49301234"),
            ("SG", "65 6123 4567", "+6561234567"),
            ("SG", "6561 2345", "+6565612345"),
            ("PE", "51 1 234 5678", "+5112345678"),
        ];
        for (country, typed, number) in cases {
            let home = Country::named(country).unwrap();
            let found = phone(typed, home);
            // What is too short to be a number is none.
            let expected = Some(number).filter(|number| number.trim_start_matches('+').len() >= 7);
            assert_eq!(found.as_deref(), expected, "{country}: {typed}");
        }
        let germany = Country::named("DE").unwrap();
        for typed in ["030 123456", "+49 30 123456", "0049/30/123456"] {
            assert_eq!(phone_digits(typed, germany).as_deref(), Some("30123456"), "{typed}");
        }
        for other in ["Zimmer 030 123456", "030", "88881234"] {
            assert_eq!(phone_digits(other, germany), None, "{other}");
        }
    }

    #[test]
    fn addresses_are_compared_small_and_everybodys_domains_say_nothing() {
        assert_eq!(email(" Ann@Cedar.CN ").as_deref(), Some("ann@cedar.cn"));
        assert_eq!(email("ann"), None);
        assert_eq!(domain("Ann@Cedar.CN").as_deref(), Some("cedar.cn"));
        assert_eq!(domain("https://www.cedar.cn:8080/a?b").as_deref(), Some("cedar.cn"));
        assert_eq!(domain("ann@qq.com"), None);
    }

    #[test]
    fn a_credit_code_carries_its_check() {
        assert_eq!(tax_id("91350211M000100Y-46").as_deref(), Some("91350211M000100Y46"));
        assert!(is_credit_code("91350100M000100Y43"));
        assert!(!is_credit_code("91350100M000100Y46"));
        assert!(!is_credit_code("91350211"));
    }

    #[test]
    fn names_are_compared_without_what_everybodys_has() {
        let cases = [
            ("佳美办公用品有限公司", "佳美办公用品"),
            ("上海佳美办公用品股份有限公司", "佳美办公用品"),
            ("佳美集团", "佳美"),
            ("上海银行", "上海银行"),
            ("CEDAR Trading GmbH & Co. KG", "cedar trading"),
            ("The Café Company", "cafe"),
            ("Co", "co"),
            ("王芳", "王芳"),
        ];
        for (typed, plain) in cases {
            assert_eq!(name(typed), plain, "{typed}");
        }
    }
}
