//! Countries, as far as telephone numbers go: what stands before a number at home, and what before one that is dialled from
//! abroad (ITU-T E.164 and the national numbering plans).

use serde_json::{Map, Value as Json};

/// The field of a workspace's settings that names its country.
pub const COUNTRY: &str = "country";

/// How the numbers of a country are written.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// ISO 3166: two letters.
    name: &'static str,
    /// What is dialled for it from elsewhere.
    code: &'static str,
    /// What stands before the area code of a number at home, and is left out from abroad.
    trunk: &'static str,
    /// How many digits a number has that is whole without that; none where each has it.
    whole: (usize, usize),
    /// How many digits one has at least without what stands before the area code: shorter ones are of one town, where nobody dials
    /// an area code.
    national_min: usize,
}

/// In most countries.
const NATIONAL_MIN: usize = 6;
/// In China, where area codes are long, and numbers as well.
const NATIONAL_MIN_CN: usize = 9;

/// Where numbers have no fixed length: shorter ones may as well be of one town as of the country.
const USUAL_MIN: usize = 8;

const fn plan(name: &'static str, code: &'static str, trunk: &'static str, whole: (usize, usize)) -> Plan {
    Plan { name, code, trunk, whole, national_min: NATIONAL_MIN }
}

/// Numbers have no fixed length, or all begin with the trunk prefix.
const NONE: (usize, usize) = (0, 0);

#[rustfmt::skip]
const PLANS: [Plan; 118] = [
    // Mobile numbers, and those of services, are told by how they begin.
    Plan { national_min: NATIONAL_MIN_CN, ..plan("CN", "86", "0", (10, 11)) },
    plan("AE", "971", "0", NONE), plan("AL", "355", "0", NONE), plan("AM", "374", "0", NONE), plan("AR", "54", "0", (10, 10)),
    plan("AT", "43", "0", NONE), plan("AU", "61", "0", NONE), plan("AZ", "994", "0", NONE), plan("BA", "387", "0", NONE),
    plan("BD", "880", "0", NONE), plan("BE", "32", "0", NONE), plan("BG", "359", "0", NONE), plan("BH", "973", "", (8, 8)),
    plan("BO", "591", "", (8, 8)), plan("BR", "55", "0", (10, 11)), plan("BY", "375", "80", NONE), plan("CA", "1", "1", (10, 10)),
    plan("CH", "41", "0", NONE), plan("CI", "225", "", (10, 10)), plan("CL", "56", "", (9, 9)), plan("CO", "57", "", (10, 10)),
    plan("CR", "506", "", (8, 8)), plan("CY", "357", "", (8, 8)), plan("CZ", "420", "", (9, 9)), plan("DE", "49", "0", NONE),
    plan("DK", "45", "", (8, 8)), plan("DO", "1", "1", (10, 10)), plan("DZ", "213", "0", NONE), plan("EC", "593", "0", NONE),
    plan("EE", "372", "", (7, 8)), plan("EG", "20", "0", NONE), plan("ES", "34", "", (9, 9)), plan("ET", "251", "0", NONE),
    plan("FI", "358", "0", NONE), plan("FR", "33", "0", NONE), plan("GB", "44", "0", NONE), plan("GE", "995", "0", NONE),
    plan("GH", "233", "0", NONE), plan("GR", "30", "", (10, 10)), plan("GT", "502", "", (8, 8)), plan("HK", "852", "", (8, 8)),
    plan("HN", "504", "", (8, 8)), plan("HR", "385", "0", NONE), plan("HU", "36", "06", NONE), plan("ID", "62", "0", NONE),
    plan("IE", "353", "0", NONE), plan("IL", "972", "0", NONE), plan("IN", "91", "0", (10, 10)), plan("IQ", "964", "0", NONE),
    plan("IR", "98", "0", NONE), plan("IS", "354", "", (7, 7)), plan("IT", "39", "", (8, 11)), plan("JM", "1", "1", (10, 10)),
    plan("JO", "962", "0", NONE), plan("JP", "81", "0", NONE), plan("KE", "254", "0", NONE), plan("KH", "855", "0", NONE),
    plan("KR", "82", "0", NONE), plan("KW", "965", "", (8, 8)), plan("KZ", "7", "8", (10, 10)), plan("LA", "856", "0", NONE),
    plan("LB", "961", "0", NONE), plan("LI", "423", "", (7, 7)), plan("LK", "94", "0", NONE), plan("LT", "370", "0", NONE),
    plan("LU", "352", "", (7, 9)), plan("LV", "371", "", (8, 8)), plan("MA", "212", "0", NONE), plan("MD", "373", "0", NONE),
    plan("ME", "382", "0", NONE), plan("MK", "389", "0", NONE), plan("MM", "95", "0", NONE), plan("MN", "976", "", (8, 8)),
    plan("MO", "853", "", (8, 8)), plan("MT", "356", "", (8, 8)), plan("MX", "52", "", (10, 10)), plan("MY", "60", "0", NONE),
    plan("NG", "234", "0", NONE), plan("NL", "31", "0", NONE), plan("NO", "47", "", (8, 8)), plan("NP", "977", "0", NONE),
    plan("NZ", "64", "0", NONE), plan("OM", "968", "", (8, 8)), plan("PA", "507", "", (7, 8)), plan("PE", "51", "0", (9, 9)),
    plan("PH", "63", "0", NONE), plan("PK", "92", "0", NONE), plan("PL", "48", "", (9, 9)), plan("PR", "1", "1", (10, 10)),
    plan("PT", "351", "", (9, 9)), plan("PY", "595", "0", NONE), plan("QA", "974", "", (8, 8)), plan("RO", "40", "0", NONE),
    plan("RS", "381", "0", NONE), plan("RU", "7", "8", (10, 10)), plan("SA", "966", "0", NONE), plan("SE", "46", "0", NONE),
    plan("SG", "65", "", (8, 8)), plan("SI", "386", "0", NONE), plan("SK", "421", "0", NONE), plan("SN", "221", "", (9, 9)),
    plan("SV", "503", "", (8, 8)), plan("TH", "66", "0", NONE), plan("TN", "216", "", (8, 8)), plan("TR", "90", "0", NONE),
    plan("TT", "1", "1", (10, 10)), plan("TW", "886", "0", NONE), plan("TZ", "255", "0", NONE), plan("UA", "380", "0", NONE),
    plan("UG", "256", "0", NONE), plan("US", "1", "1", (10, 10)), plan("UY", "598", "0", NONE), plan("UZ", "998", "", (9, 9)),
    plan("VE", "58", "0", NONE), plan("VN", "84", "0", NONE), plan("ZA", "27", "0", NONE), plan("ZM", "260", "0", NONE),
    plan("ZW", "263", "0", NONE),
];

/// The country in which numbers without a country code are: the workspace's.
///
/// ```
/// use sync_core::actions::duplicates::country::Country;
/// assert_eq!(Country::named("de").unwrap().name(), "DE");
/// assert_eq!((Country::named("Atlantis"), Country::default().name()), (None, "CN"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country(&'static Plan);

impl Default for Country {
    /// Until somebody says otherwise.
    fn default() -> Self {
        Self(&PLANS[0])
    }
}

impl Country {
    /// By its two letters, whatever their case.
    pub fn named(name: &str) -> Option<Self> {
        PLANS.iter().find(|plan| plan.name.eq_ignore_ascii_case(name.trim())).map(Self)
    }

    /// What a workspace's settings say; the usual one where they say nothing that is known.
    pub fn of(settings: Option<&Map<String, Json>>) -> Self {
        settings.and_then(|settings| Self::named(settings.get(COUNTRY)?.as_str()?)).unwrap_or_default()
    }

    /// Its two letters.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The digits of a number as they are dialled from anywhere; none where it does not say enough.
    pub(super) fn abroad(self, digits: &str) -> Option<String> {
        let Plan { code, trunk, national_min, .. } = *self.0;
        let national = digits.strip_prefix(trunk).filter(|_| !trunk.is_empty() && !self.is_whole(digits));
        let is_abroad = digits.starts_with(code) && self.is_with_code(digits.len()) && !self.is_whole(digits);
        match national {
            Some(national) if national.len() >= national_min => Some(format!("{code}{national}")),
            Some(_) => None,
            None if is_abroad => Some(without_trunk(digits)),
            None => self.is_whole(digits).then(|| format!("{code}{digits}")),
        }
    }

    /// Whether a number is as long as one with its country before it: longer than any here, and what is left as long as one.
    fn is_with_code(self, length: usize) -> bool {
        let Plan { code, whole: (shortest, longest), .. } = *self.0;
        // Besides whole numbers there are shorter ones in some countries.
        let least = if shortest == 0 { USUAL_MIN } else { shortest.min(USUAL_MIN) };
        length > longest && length >= code.len() + least
    }

    /// Whether a number is one that is dialled as it is from everywhere in the country.
    fn is_whole(self, digits: &str) -> bool {
        if self.0.name == "CN" {
            let is_mobile = digits.len() == 11 && digits.starts_with('1') && !digits[1..].starts_with(['0', '1', '2']);
            return is_mobile || digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800"));
        }
        let (min, max) = self.0.whole;
        min > 0 && (min..=max).contains(&digits.len()) && (self.0.trunk != "0" || !digits.starts_with('0'))
    }
}

/// A number that begins with a country's code, as it is dialled from anywhere: some write what is only dialled at home.
pub(super) fn without_trunk(digits: &str) -> String {
    let of = |plan: &&Plan| plan.trunk == "0" && digits.starts_with(plan.code) && digits[plan.code.len()..].starts_with('0');
    match PLANS.iter().find(of) {
        Some(plan) => format!("{}{}", plan.code, &digits[plan.code.len() + 1..]),
        None => digits.to_owned(),
    }
}

/// A number as it is dialled from anywhere, without the code of its country: how it is written at home ends with it.
pub(super) fn at_home(number: &str) -> Option<&str> {
    let digits = number.strip_prefix('+')?;
    // No code is the beginning of another one.
    PLANS.iter().find_map(|plan| digits.strip_prefix(plan.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_country_stands_twice_and_no_code_begins_another() {
        for (at, plan) in PLANS.iter().enumerate() {
            assert!(!PLANS[..at].iter().any(|other| other.name == plan.name), "{}", plan.name);
            let begins = |other: &&Plan| other.code != plan.code && other.code.starts_with(plan.code);
            assert!(PLANS.iter().find(begins).is_none(), "{}", plan.name);
        }
    }
}
