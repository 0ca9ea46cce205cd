//! What makes a kind a good kind: the rules that an author is held to.
//!
//! Never applied to kinds from the wire: a newer server knows more than this build does.

use super::reader::{Mistake, Section, Word, nearest};
use super::words::{FIELDS_MAX, ITEMS_MAX, LABEL_MAX, OPTION_VALUE_MAX, OPTIONS_MAX, RESERVED, RESERVED_IN_ROWS, RESERVED_KINDS};
use super::{Field, Kind, Label, Merge, ValueType, formula};
use crate::id::Facet;

type Checked = Result<(), Mistake>;

/// Checks a kind that was read from `root`.
pub(super) fn kind(kind: &Kind, root: Section<'_>) -> Checked {
    if RESERVED_KINDS.contains(&&*kind.name) {
        return Err(root.mistake_at("name", format!("the name `{}` is reserved: it is a word of the API's addresses", kind.name)));
    }
    if kind.fields.is_empty() || kind.fields.len() > FIELDS_MAX {
        return Err(root.mistake(format!("kind `{}` has {} fields: it needs 1 to {FIELDS_MAX}", kind.name, kind.fields.len())));
    }
    short(&kind.label, root, "label")?;
    short(&kind.plural, root, "plural")?;
    for (declared, section) in kind.fields.iter().zip(root.sections("field")?) {
        field(declared, section)?;
        frozen(kind, declared, section)?;
        formula::check(kind, declared, section)?;
    }
    title(kind, root)?;
    listed(kind, root)?;
    owner(kind, root)?;
    sharing(kind, root)?;
    board(kind, root)?;
    happens(kind, root)
}

fn field(field: &Field, section: Section<'_>) -> Checked {
    if RESERVED.contains(&&*field.name) {
        return Err(section.mistake_at("name", format!("the name `{}` is reserved: every record has it of its own", field.name)));
    }
    short(&field.label, section, "label")?;
    options(field, section)?;
    links(field, section)?;
    policy(field, section)?;
    items(field, section)
}

fn short(label: &Label, section: Section<'_>, key: &str) -> Checked {
    let long = [&label.en, &label.zh].into_iter().find(|text| text.chars().count() > LABEL_MAX);
    long.map_or(Ok(()), |text| Err(section.mistake_at(key, format!("the label `{text}` is longer than {LABEL_MAX} characters"))))
}

fn options(field: &Field, section: Section<'_>) -> Checked {
    let is_choice = field.value == ValueType::Choice;
    if is_choice && field.options.is_empty() {
        return Err(section.mistake(format!("field `{}` is a choice and has no `options`", field.name)));
    }
    if !is_choice && section.has("options") {
        let message = format!("field `{}` is a {} and not a choice: it has no `options`", field.name, field.value.as_str());
        return Err(section.mistake_at("options", message));
    }
    if field.options.len() > OPTIONS_MAX {
        return Err(section.mistake_at("options", format!("field `{}` has more than {OPTIONS_MAX} options", field.name)));
    }
    for (index, (option, section)) in field.options.iter().zip(section.sections("options")?).enumerate() {
        let value = &option.value;
        if value.is_empty() || value.trim() != value || value.len() > OPTION_VALUE_MAX || value.chars().any(char::is_control) {
            return Err(
                section.mistake_at("value", format!("`{value}` cannot be an option: 1 to {OPTION_VALUE_MAX} bytes, no space around"))
            );
        }
        if field.options[..index].iter().any(|other| other.value == *value) {
            return Err(section.mistake_at("value", format!("field `{}` has two options `{value}`", field.name)));
        }
        short(&option.label, section, "label")?;
    }
    Ok(())
}

fn links(field: &Field, section: Section<'_>) -> Checked {
    let is_link = field.value == ValueType::Link;
    match (is_link, field.to.is_empty()) {
        (true, true) => Err(section.mistake(format!("field `{}` is a link and has no `to`: the kinds it may point at", field.name))),
        (false, false) => {
            Err(section.mistake_at("to", format!("field `{}` is a {} and not a link: it has no `to`", field.name, field.value.as_str())))
        }
        (true, false) | (false, true) => Ok(()),
    }
}

/// Whether the policy can merge values of the type, and which other keys it allows.
fn policy(field: &Field, section: Section<'_>) -> Checked {
    let (name, value) = (&field.name, field.value.as_str());
    let wrong = |key: &str, message: String| Err(section.mistake_at(key, message));
    match &field.merge {
        Merge::Register | Merge::Visible | Merge::Assigned | Merge::Derived => {}
        Merge::Counter if field.value == ValueType::Integer => {}
        Merge::Counter => return wrong("type", format!("field `{name}` is a counter: its type is integer, not {value}")),
        Merge::Text if matches!(field.value, ValueType::String | ValueType::Paragraph) => {}
        Merge::Text => return wrong("type", format!("field `{name}` merges as text: its type is string or paragraph, not {value}")),
        Merge::Monotone if field.value.is_ordered() => {}
        Merge::Monotone => return wrong("merge", format!("field `{name}` cannot be monotone: a {value} has no higher and lower")),
        Merge::Set | Merge::List | Merge::Log if !field.items.is_empty() => {
            if field.value != ValueType::String {
                return wrong("type", format!("field `{name}` has `items`, so it has no `type` of its own"));
            }
        }
        Merge::Set if field.value.is_element() => {}
        Merge::Set => {
            return wrong("type", format!("field `{name}` is a set: a {value} cannot be an element, only part of a row in `items`"));
        }
        Merge::List | Merge::Log => {
            return Err(section.mistake(format!("field `{name}` is a {} and has no `items`: what each entry holds", field.merge.as_str())));
        }
        Merge::Unknown(word) => return wrong("merge", format!("there is no merge policy `{word}`")),
    }
    if field.required && (field.hidden || matches!(field.merge, Merge::Derived | Merge::Assigned)) {
        let why = if field.hidden { "hidden" } else { field.merge.as_str() };
        let refused = wrong("required", format!("field `{name}` cannot be required: it is {why}, so nobody fills it in"));
        return refused.map_err(|mistake| mistake.zh(format!("字段“{name}”不能必填：没有人填写它")));
    }
    Ok(())
}

fn items(field: &Field, section: Section<'_>) -> Checked {
    let rows = match &field.merge {
        Merge::Set | Merge::List => true,
        Merge::Log => false,
        Merge::Register
        | Merge::Visible
        | Merge::Counter
        | Merge::Text
        | Merge::Monotone
        | Merge::Assigned
        | Merge::Derived
        | Merge::Unknown(_) => {
            if section.has("items") {
                let message = format!("field `{}` is a {}: only a set, a list or a log has `items`", field.name, field.merge.as_str());
                return Err(section.mistake_at("items", message));
            }
            return Ok(());
        }
    };
    if field.items.len() > ITEMS_MAX {
        return Err(section.mistake_at("items", format!("field `{}` has more than {ITEMS_MAX} items", field.name)));
    }
    for (item, section) in field.items.iter().zip(section.sections("items")?) {
        part(field, item, rows, section)?;
    }
    Ok(())
}

/// One part of a row (which merges on its own) or of a log item (which never changes).
fn part(field: &Field, item: &Field, rows: bool, section: Section<'_>) -> Checked {
    let what = format!("`{}` of field `{}`", item.name, field.name);
    if RESERVED_IN_ROWS.contains(&&*item.name) {
        return Err(section.mistake_at("name", format!("the name {what} is reserved: every row has it of its own")));
    }
    if section.has("facet") {
        return Err(section.mistake_at("facet", format!("{what} lives in the facet of its field: it has no `facet` of its own")));
    }
    for key in ["items", "frozen", "formula"] {
        if section.has(key) {
            return Err(section.mistake_at(key, format!("{what} is part of a row: it has no `{key}`")));
        }
    }
    let merges = match &item.merge {
        Merge::Register => true,
        Merge::Visible => rows,
        Merge::Set | Merge::Counter | Merge::Text | Merge::List | Merge::Log => false,
        Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => false,
    };
    if !merges {
        let allowed = if rows { "register or visible" } else { "register: an item of a log never changes" };
        return Err(section.mistake_at("merge", format!("{what} cannot be {}, only {allowed}", item.merge.as_str())));
    }
    short(&item.label, section, "label")?;
    options(item, section)?;
    links(item, section)?;
    policy(item, section)
}

fn frozen(kind: &Kind, field: &Field, section: Section<'_>) -> Checked {
    let (Some(rule), Some(section)) = (&field.frozen, section.section("frozen")?) else { return Ok(()) };
    let decider = named(kind, section.required("`frozen`", "field")?, "frozen.field")?;
    if decider.name == field.name || field.merge == Merge::Derived {
        return Err(section.mistake(format!("field `{}` cannot be frozen by `{}`", field.name, decider.name)));
    }
    if decider.value != ValueType::Choice || !decider.merge.is_single() {
        return Err(section.mistake_at("field", format!("`frozen.field` must be a choice with one value: `{}` is not", decider.name)));
    }
    if decider.facet != Facet::Main && decider.facet != field.facet {
        return Err(section
            .mistake_at("field", format!("whoever holds `{}` may not hold `{}`, which is in another facet", field.name, decider.name)));
    }
    if rule.values.is_empty() {
        return Err(section.mistake(format!("field `{}` is frozen in no state: `in` is empty", field.name)));
    }
    let known = || decider.options.iter().map(|option| option.value.as_str());
    match section.words("in")?.iter().find(|word| !known().any(|value| value == word.text)) {
        Some(word) => Err(word.mistake(format!("field `{}` has no option `{}`{}", decider.name, word.text, nearest(word.text, known())))),
        None => Ok(()),
    }
}

fn title(kind: &Kind, root: Section<'_>) -> Checked {
    let word = root.required("the kind", "title")?;
    let field = named(kind, word, "title")?;
    let is_word = match field.value {
        ValueType::String | ValueType::Phone | ValueType::Email | ValueType::Url | ValueType::Date | ValueType::Choice => true,
        ValueType::Paragraph | ValueType::Integer | ValueType::Number | ValueType::Boolean | ValueType::Datetime | ValueType::Link => false,
        ValueType::Money | ValueType::Address | ValueType::Period | ValueType::Geo | ValueType::Unknown(_) => false,
    };
    if field.facet != Facet::Main || field.hidden || !field.merge.is_single() || !is_word {
        return Err(
            word.mistake(format!("`{}` cannot be the title: that is one short value in the main facet, shown to everybody", field.name))
        );
    }
    Ok(())
}

/// `list`, `search` and `match`.
fn listed(kind: &Kind, root: Section<'_>) -> Checked {
    for key in ["list", "search", "match"] {
        let words = root.words(key)?;
        for (index, word) in words.iter().enumerate() {
            let field = named(kind, *word, key)?;
            if words[..index].iter().any(|other| other.text == word.text) {
                return Err(word.mistake(format!("`{key}` names `{}` twice", word.text)));
            }
            if field.hidden {
                return Err(word.mistake(format!("`{key}` names the hidden field `{}`", word.text)));
            }
            if key == "search" && (field.facet != Facet::Main || field.merge == Merge::Derived) {
                let mistake = word.mistake(format!("`search` reads what everybody may see: `{}` is {}", word.text, unseen(field)));
                return Err(mistake.zh(format!("搜索只读取人人可见、由人填写的字段：“{}”不是", word.text)));
            }
            if key == "match" && !(field.merge.is_single() || field.merge == Merge::Set) {
                return Err(word.mistake(format!("an import cannot match on `{}`, a {}", word.text, field.merge.as_str())));
            }
        }
    }
    Ok(())
}

fn unseen(field: &Field) -> &str {
    if field.merge == Merge::Derived { "derived" } else { field.facet.as_str() }
}

fn owner(kind: &Kind, root: Section<'_>) -> Checked {
    let Some(word) = root.word("owner")? else { return Ok(()) };
    let field = named(kind, word, "owner")?;
    let is_member = field.value == ValueType::Link && field.to.iter().any(|to| &**to == "member");
    if !is_member || !field.merge.is_single() || field.facet != Facet::Main {
        return Err(word.mistake(format!("`{}` cannot be the owner: that is one link to a member, in the main facet", word.text)));
    }
    Ok(())
}

fn sharing(kind: &Kind, root: Section<'_>) -> Checked {
    let Some(section) = root.section("sharing")? else { return Ok(()) };
    if let Some(word) = section.word("follows")? {
        let field = named(kind, word, "sharing.follows")?;
        let is_link = field.value == ValueType::Link && field.items.is_empty() && (field.merge.is_single() || field.merge == Merge::Set);
        if !is_link || field.facet != Facet::Main {
            return Err(
                word.mistake(format!("a record cannot follow `{}`: that is a link, or a set of links, in the main facet", word.text))
            );
        }
    }
    for key in ["teams", "territories"] {
        let Some(word) = section.word(key)? else { continue };
        let field = named(kind, word, key)?;
        let is_names = matches!(field.value, ValueType::String | ValueType::Choice) && field.items.is_empty();
        if !is_names || !(field.merge.is_single() || field.merge == Merge::Set) || field.facet != Facet::Main {
            return Err(word.mistake(format!("`{key}` are names in the main facet: `{}` is not", word.text)));
        }
    }
    Ok(())
}

fn board(kind: &Kind, root: Section<'_>) -> Checked {
    let Some(board) = root.section("board")? else { return Ok(()) };
    let by = board.required("the board", "by")?;
    let columns = named(kind, by, "board.by")?;
    if columns.value != ValueType::Choice || !columns.merge.is_single() || columns.facet != Facet::Main || columns.hidden {
        return Err(by.mistake(format!("`board.by` must be a choice with one value in the main facet: `{}` is not", by.text)));
    }
    let options = || columns.options.iter().map(|option| &*option.value);
    if let Some(word) = board.words("closed")?.into_iter().find(|word| !options().any(|option| option == word.text)) {
        return Err(word.mistake(format!(
            "`board.closed` names no option of `{}`: `{}`{}",
            by.text,
            word.text,
            nearest(word.text, options())
        )));
    }
    let Some(sum) = board.word("sum")? else { return Ok(()) };
    let summed = named(kind, sum, "board.sum")?;
    let plain = summed.merge.is_single() || matches!(summed.merge, Merge::Counter | Merge::Derived);
    if !summed.value.is_summable() || !plain || summed.facet != Facet::Main || summed.hidden {
        return Err(sum.mistake(format!("`board.sum` must be money or a number in the main facet: `{}` is not", sum.text)));
    }
    Ok(())
}

fn happens(kind: &Kind, root: Section<'_>) -> Checked {
    for word in root.words("happens")? {
        let field = named(kind, word, "happens")?;
        let is_time = matches!(field.value, ValueType::Date | ValueType::Datetime | ValueType::Period);
        if !is_time || !field.merge.is_single() || field.facet != Facet::Main || field.hidden {
            return Err(word.mistake(format!("`happens` names days, moments and periods in the main facet: `{}` is not one", word.text)));
        }
    }
    Ok(())
}

/// The field that a word names.
fn named<'k>(kind: &'k Kind, word: Word<'_>, key: &str) -> Result<&'k Field, Mistake> {
    kind.field(word.text).ok_or_else(|| {
        let known = kind.fields.iter().map(|field| &*field.name);
        word.mistake(format!("`{key}` names no field: `{}`{}", word.text, nearest(word.text, known)))
    })
}
