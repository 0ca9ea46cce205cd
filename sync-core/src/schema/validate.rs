//! What makes a kind a good kind: the rules that an author is held to.
//!
//! Never applied to kinds from the wire: a newer server knows more than this build does.

use super::reader::{Mistake, Section, Word, nearest, nearest_zh};
use super::words::{FIELDS_MAX, ITEMS_MAX, LABEL_MAX, OPTION_VALUE_MAX, OPTIONS_MAX, RESERVED, RESERVED_IN_ROWS, RESERVED_KINDS};
use super::{Field, Kind, Label, Merge, ValueType, fill, formula, gate};
use crate::id::Facet;

type Checked = Result<(), Mistake>;

/// Checks a kind that was read from `root`.
pub(super) fn kind(kind: &Kind, root: Section<'_>) -> Checked {
    if RESERVED_KINDS.contains(&&*kind.name) {
        let mistake = root.mistake_at("name", format!("the name `{}` is reserved: it is a word of the API's addresses", kind.name));
        return Err(mistake.zh(format!("“{}”是保留名称：API 地址已使用此词", kind.name)));
    }
    if kind.fields.is_empty() || kind.fields.len() > FIELDS_MAX {
        let (name, count) = (&kind.name, kind.fields.len());
        let mistake = root.mistake(format!("kind `{name}` has {count} fields: it needs 1 to {FIELDS_MAX}"));
        return Err(mistake.zh(format!("对象“{name}”有 {count} 个字段，应为 1 到 {FIELDS_MAX} 个")));
    }
    short(&kind.label, root, "label")?;
    short(&kind.plural, root, "plural")?;
    for (declared, section) in kind.fields.iter().zip(root.sections("field")?) {
        field(declared, section)?;
        frozen(kind, declared, section)?;
        after(&kind.fields, declared, section)?;
        copies(kind, declared, section)?;
        formula::check(kind, declared, section)?;
        gate::check(kind, declared, section)?;
        fill::check(kind, declared, section)?;
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
        let mistake = section.mistake_at("name", format!("the name `{}` is reserved: every record has it of its own", field.name));
        return Err(mistake.zh(format!("“{}”是保留名称：每条记录本来就有", field.name)));
    }
    short(&field.label, section, "label")?;
    options(field, section)?;
    default(field, section)?;
    bounds(field, section)?;
    links(field, section)?;
    policy(field, section)?;
    items(field, section)?;
    key(field, section)
}

/// Bounds are of numbers that people write as they are; of what is added to a counter nobody knows the sum.
fn bounds(field: &Field, section: Section<'_>) -> Checked {
    let Some(key) = ["min", "max"].into_iter().find(|key| section.has(key)) else { return Ok(()) };
    let is_number = matches!(field.value, ValueType::Integer | ValueType::Number) && field.items.is_empty();
    if !is_number || !matches!(field.merge, Merge::Register | Merge::Visible | Merge::Monotone) {
        let mistake = section.mistake_at(key, format!("field `{}` has no `{key}`: only a number that people write has", field.name));
        return Err(mistake.zh(format!("字段“{}”不能有 `{key}`：只有由人填写的数字可以", field.name)));
    }
    match field.min.zip(field.max) {
        Some((min, max)) if min > max => {
            let mistake = section.mistake_at("max", format!("no number is from {min} to {max}: `max` is below `min`"));
            Err(mistake.zh(format!("最大值 {max} 小于最小值 {min}")))
        }
        _ => Ok(()),
    }
}

fn default(field: &Field, section: Section<'_>) -> Checked {
    let Some(word) = section.word("default")?.filter(|word| !word.text.is_empty()) else { return Ok(()) };
    let is_written = matches!(field.merge, Merge::Register | Merge::Visible | Merge::Monotone) && !field.hidden;
    if field.value != ValueType::Choice || !is_written {
        let mistake = word.mistake(format!("field `{}` has no `default`: only a choice of one that people make has", field.name));
        return Err(mistake.zh(format!("字段“{}”不能有默认值：只有由人填写的单选字段可以", field.name)));
    }
    let known = || field.options.iter().map(|option| option.value.as_str());
    if field.option(word.text).is_none() {
        let mistake =
            word.mistake(format!("`default` names no option of `{}`: `{}`{}", field.name, word.text, nearest(word.text, known())));
        return Err(mistake.zh(format!("字段“{}”没有选项“{}”，不能作为默认值", field.name, word.text)));
    }
    Ok(())
}

/// The begin of what ends: another value of the same sort beside it.
fn after(beside: &[Field], end: &Field, section: Section<'_>) -> Checked {
    let Some(word) = section.word("after")? else { return Ok(()) };
    let known = || beside.iter().map(|field| &*field.name);
    let Some(begin) = beside.iter().find(|field| &*field.name == word.text) else {
        let mistake = word.mistake(format!("`after` names no field beside `{}`: `{}`{}", end.name, word.text, nearest(word.text, known())));
        return Err(mistake.zh(format!("`after` 指定的字段“{}”不存在{}", word.text, nearest_zh(word.text, known()))));
    };
    let is_time = |field: &Field| matches!(field.value, ValueType::Date | ValueType::Datetime) && field.merge.is_single();
    // Whoever may see the end only would be told the begin.
    let apart = begin.facet != end.facet;
    if begin.name == end.name || begin.value != end.value || apart || !is_time(begin) || !is_time(end) {
        let mistake = word
            .mistake(format!("`{}` cannot begin what `{}` ends: both are days, or both are moments, of one facet", begin.name, end.name));
        return Err(mistake.zh(format!("“{}”不能作为“{}”的开始：二者应同为日期或同为时间，并属于同一分面", begin.name, end.name)));
    }
    Ok(())
}

fn short(label: &Label, section: Section<'_>, key: &str) -> Checked {
    let long = [&label.en, &label.zh].into_iter().find(|text| text.chars().count() > LABEL_MAX);
    long.map_or(Ok(()), |text| {
        let mistake = section.mistake_at(key, format!("the label `{text}` is longer than {LABEL_MAX} characters"));
        Err(mistake.zh(format!("名称“{text}”超过 {LABEL_MAX} 个字符")))
    })
}

fn options(field: &Field, section: Section<'_>) -> Checked {
    let is_choice = field.value == ValueType::Choice;
    if is_choice && field.options.is_empty() {
        let mistake = section.mistake(format!("field `{}` is a choice and has no `options`", field.name));
        return Err(mistake.zh(format!("字段“{}”是单选，却没有选项", field.name)));
    }
    if !is_choice && section.has("options") {
        let message = format!("field `{}` is a {} and not a choice: it has no `options`", field.name, field.value.as_str());
        return Err(section.mistake_at("options", message).zh(format!("字段“{}”不是单选，不能有选项", field.name)));
    }
    if field.options.len() > OPTIONS_MAX {
        let mistake = section.mistake_at("options", format!("field `{}` has more than {OPTIONS_MAX} options", field.name));
        return Err(mistake.zh(format!("字段“{}”的选项超过 {OPTIONS_MAX} 个", field.name)));
    }
    for (index, (option, section)) in field.options.iter().zip(section.sections("options")?).enumerate() {
        let value = &option.value;
        if value.is_empty() || value.trim() != value || value.len() > OPTION_VALUE_MAX || value.chars().any(char::is_control) {
            let message = format!("`{value}` cannot be an option: 1 to {OPTION_VALUE_MAX} bytes, no space around");
            let zh = format!("“{value}”不能作为选项值：须为 1 到 {OPTION_VALUE_MAX} 字节，前后不能有空格");
            return Err(section.mistake_at("value", message).zh(zh));
        }
        if field.options[..index].iter().any(|other| other.value == *value) {
            let mistake = section.mistake_at("value", format!("field `{}` has two options `{value}`", field.name));
            return Err(mistake.zh(format!("字段“{}”有两个选项“{value}”", field.name)));
        }
        short(&option.label, section, "label")?;
    }
    Ok(())
}

fn links(field: &Field, section: Section<'_>) -> Checked {
    let is_link = field.value == ValueType::Link;
    match (is_link, field.to.is_empty()) {
        (true, true) => {
            let mistake = section.mistake(format!("field `{}` is a link and has no `to`: the kinds it may point at", field.name));
            Err(mistake.zh(format!("字段“{}”是关联，却没有指定可关联的对象", field.name)))
        }
        (false, false) => {
            let message = format!("field `{}` is a {} and not a link: it has no `to`", field.name, field.value.as_str());
            Err(section.mistake_at("to", message).zh(format!("字段“{}”不是关联，不能指定可关联的对象", field.name)))
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
        Merge::Counter => {
            let zh = format!("字段“{name}”是累加的：类型应为整数");
            return wrong("type", format!("field `{name}` is a counter: its type is integer, not {value}"))
                .map_err(|mistake: Mistake| mistake.zh(zh));
        }
        Merge::Text if matches!(field.value, ValueType::String | ValueType::Paragraph) => {}
        Merge::Text => {
            let zh = format!("字段“{name}”按文本合并：类型应为单行或多行文本");
            return wrong("type", format!("field `{name}` merges as text: its type is string or paragraph, not {value}"))
                .map_err(|mistake: Mistake| mistake.zh(zh));
        }
        Merge::Monotone if field.value.is_ordered() => {}
        Merge::Monotone => {
            let zh = format!("字段“{name}”不能只进不退：这种类型没有高低之分");
            return wrong("merge", format!("field `{name}` cannot be monotone: a {value} has no higher and lower"))
                .map_err(|mistake: Mistake| mistake.zh(zh));
        }
        Merge::Set | Merge::List | Merge::Log if !field.items.is_empty() => {
            if field.value != ValueType::String {
                let zh = format!("字段“{name}”是子表，自身没有类型");
                return wrong("type", format!("field `{name}` has `items`, so it has no `type` of its own"))
                    .map_err(|mistake: Mistake| mistake.zh(zh));
            }
        }
        Merge::Set if field.value.is_element() => {}
        Merge::Set => {
            let zh = format!("字段“{name}”是集合：这种类型不能作为元素，只能作为子字段");
            return wrong("type", format!("field `{name}` is a set: a {value} cannot be an element, only part of a row in `items`"))
                .map_err(|mistake: Mistake| mistake.zh(zh));
        }
        Merge::List | Merge::Log => {
            let mistake =
                section.mistake(format!("field `{name}` is a {} and has no `items`: what each entry holds", field.merge.as_str()));
            return Err(mistake.zh(format!("字段“{name}”是子表，却没有子字段")));
        }
        Merge::Unknown(word) => {
            let refused = wrong("merge", format!("there is no merge policy `{word}`"));
            return refused.map_err(|mistake| mistake.zh(format!("没有“{word}”这种合并方式")));
        }
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
                return Err(section.mistake_at("items", message).zh(format!("字段“{}”只有一个值，不能是子表", field.name)));
            }
            return Ok(());
        }
    };
    if field.items.len() > ITEMS_MAX {
        let mistake = section.mistake_at("items", format!("field `{}` has more than {ITEMS_MAX} items", field.name));
        return Err(mistake.zh(format!("字段“{}”的子字段超过 {ITEMS_MAX} 个", field.name)));
    }
    for (item, section) in field.items.iter().zip(section.sections("items")?) {
        part(field, item, rows, section)?;
        after(&field.items, item, section)?;
    }
    Ok(())
}

/// One part of a row (which merges on its own) or of a log item (which never changes).
fn part(field: &Field, item: &Field, rows: bool, section: Section<'_>) -> Checked {
    let what = format!("`{}` of field `{}`", item.name, field.name);
    if RESERVED_IN_ROWS.contains(&&*item.name) {
        let mistake = section.mistake_at("name", format!("the name {what} is reserved: every row has it of its own"));
        return Err(mistake.zh(format!("“{}”是保留名称：子表每行本来就有", item.name)));
    }
    if section.has("facet") {
        return Err(section.mistake_at("facet", format!("{what} lives in the facet of its field: it has no `facet` of its own")));
    }
    for key in ["items", "frozen", "formula", "default"] {
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
        let mistake = section.mistake_at("merge", format!("{what} cannot be {}, only {allowed}", item.merge.as_str()));
        return Err(mistake.zh(format!("字段“{}”的子字段“{}”不能这样合并", field.name, item.name)));
    }
    short(&item.label, section, "label")?;
    options(item, section)?;
    bounds(item, section)?;
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
        let message = format!("`{}` cannot be the title: that is one short value in the main facet, shown to everybody", field.name);
        return Err(word.mistake(message).zh(format!("“{}”不能作为标题：标题应为所有人可见的一个简短值", field.name)));
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
                return Err(word.mistake(format!("`{key}` names `{}` twice", word.text)).zh(format!("`{key}` 重复列出“{}”", word.text)));
            }
            if field.hidden {
                let mistake = word.mistake(format!("`{key}` names the hidden field `{}`", word.text));
                return Err(mistake.zh(format!("`{key}` 列出了已停用的字段“{}”", word.text)));
            }
            if key == "search" && (field.facet != Facet::Main || field.merge == Merge::Derived) {
                let mistake = word.mistake(format!("`search` reads what everybody may see: `{}` is {}", word.text, unseen(field)));
                return Err(mistake.zh(format!("搜索只读取人人可见、由人填写的字段：“{}”不是", word.text)));
            }
            if key == "match" && !(field.merge.is_single() || field.merge == Merge::Set) {
                let mistake = word.mistake(format!("an import cannot match on `{}`, a {}", word.text, field.merge.as_str()));
                return Err(mistake.zh(format!("导入不能按“{}”匹配", word.text)));
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
    if !is_one_member(named(kind, word, "owner")?) {
        let mistake = word.mistake(format!("`{}` cannot be the owner: that is one link to a member, in the main facet", word.text));
        return Err(mistake.zh(format!("“{}”不能作为负责人：负责人应为所有人可见的一个成员关联", word.text)));
    }
    Ok(())
}

fn is_one_member(field: &Field) -> bool {
    let is_member = field.value == ValueType::Link && field.to.iter().any(|to| &**to == "member");
    is_member && field.merge.is_single() && field.facet == Facet::Main
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
    let shared = ["follows", "teams", "territories", "everyone", "key"].into_iter().find(|key| section.has(key));
    if let Some(key) = shared.filter(|_| kind.sharing.personal) {
        let mistake = section.mistake_at(key, format!("what is `personal` is its owner's alone: it has no `{key}`"));
        return Err(mistake.zh(format!("`personal` 的记录只属于其负责人，不能有 `{key}`")));
    }
    key_account(kind, section)
}

/// A yes or no, and the member who answers for the record where it is yes.
fn key_account(kind: &Kind, section: Section<'_>) -> Checked {
    let (key, manager) = match (section.word("key")?, section.word("manager")?) {
        (None, None) => return Ok(()),
        (Some(key), Some(manager)) => (key, manager),
        (Some(alone), None) | (None, Some(alone)) => {
            let mistake =
                alone.mistake("`key` and `manager` of `sharing` stand together: what makes a key account, and who answers for it");
            return Err(mistake.zh("`sharing` 的 `key` 与 `manager` 须同时填写：前者标记重点记录，后者指定负责它的人"));
        }
    };
    if kind.owner.is_none() {
        return Err(key.mistake("a key account has an owner, too: the kind names none").zh("有重点记录的对象须指定负责人字段（`owner`）"));
    }
    let flag = named(kind, key, "sharing.key")?;
    if flag.value != ValueType::Boolean || !flag.merge.is_single() || flag.facet != Facet::Main {
        let mistake = key.mistake(format!("`{}` cannot make a key account: that is a yes or no in the main facet", key.text));
        return Err(mistake.zh(format!("“{}”不能标记重点记录：应为所有人可见的是/否字段", key.text)));
    }
    if !is_one_member(named(kind, manager, "sharing.manager")?) {
        let mistake =
            manager.mistake(format!("`{}` cannot name the manager: that is one link to a member, in the main facet", manager.text));
        return Err(mistake.zh(format!("“{}”不能指定负责人：应为所有人可见的一个成员关联", manager.text)));
    }
    Ok(())
}

fn board(kind: &Kind, root: Section<'_>) -> Checked {
    let Some(board) = root.section("board")? else { return Ok(()) };
    let by = board.required("the board", "by")?;
    let columns = named(kind, by, "board.by")?;
    if columns.value != ValueType::Choice || !columns.merge.is_single() || columns.facet != Facet::Main || columns.hidden {
        let mistake = by.mistake(format!("`board.by` must be a choice with one value in the main facet: `{}` is not", by.text));
        return Err(mistake.zh(format!("看板的列应为所有人可见的单选字段：“{}”不是", by.text)));
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
    gate::pipelines(kind, board)?;
    let Some(sum) = board.word("sum")? else { return Ok(()) };
    let summed = named(kind, sum, "board.sum")?;
    let plain = summed.merge.is_single() || matches!(summed.merge, Merge::Counter | Merge::Derived);
    if !summed.value.is_summable() || !plain || summed.facet != Facet::Main || summed.hidden {
        let mistake = sum.mistake(format!("`board.sum` must be money or a number in the main facet: `{}` is not", sum.text));
        return Err(mistake.zh(format!("看板合计的字段应为所有人可见的金额或数字：“{}”不是", sum.text)));
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

/// Rows are told apart by parts of their own, each of which says one thing.
fn key(field: &Field, section: Section<'_>) -> Checked {
    for word in section.words("key")? {
        let is_plain = |part: &Field| !matches!(part.value, ValueType::Address | ValueType::Geo | ValueType::Unknown(_));
        if !matches!(field.merge, Merge::Set | Merge::List) || !field.item(word.text).is_some_and(is_plain) {
            let mistake = word
                .mistake(format!("`key` names parts of rows, but for addresses and places: `{}` of `{}` is none", word.text, field.name));
            return Err(mistake.zh(format!("`key` 应指定子表的子字段（地址和位置除外）：“{}”的“{}”不是", field.name, word.text)));
        }
    }
    Ok(())
}

/// What a part of a log begins with is a text of the record that whoever reads the log may read, too.
fn copies(kind: &Kind, field: &Field, section: Section<'_>) -> Checked {
    if section.has("copies") {
        let mistake = section.mistake_at("copies", format!("field `{}` is no part of a log: it has no `copies`", field.name));
        return Err(mistake.zh(format!("“{}”不是日志的子字段，不能有 `copies`", field.name)));
    }
    for (part, section) in field.items.iter().zip(section.sections("items")?) {
        let Some(word) = section.word("copies")? else { continue };
        let text = named(kind, word, "copies")?;
        let is_text = |value: &ValueType| matches!(value, ValueType::String | ValueType::Paragraph);
        let is_good = is_text(&part.value) && is_text(&text.value) && text.items.is_empty() && text.facet == field.facet;
        if field.merge != Merge::Log || !is_good || !(text.merge.is_single() || text.merge == Merge::Text) {
            let mistake =
                word.mistake(format!("`copies` is for a text in a log and names a text of the same facet: `{}` is not", word.text));
            return Err(mistake.zh(format!("`copies` 只用于日志中的文本，并应指定同一可见范围的文本字段：“{}”不是", word.text)));
        }
    }
    Ok(())
}

/// The field that a word names.
fn named<'k>(kind: &'k Kind, word: Word<'_>, key: &str) -> Result<&'k Field, Mistake> {
    kind.field(word.text).ok_or_else(|| {
        let known = kind.fields.iter().map(|field| &*field.name);
        let zh = format!("`{key}` 指定的字段“{}”不存在{}", word.text, nearest_zh(word.text, known.clone()));
        word.mistake(format!("`{key}` names no field: `{}`{}", word.text, nearest(word.text, known))).zh(zh)
    })
}
