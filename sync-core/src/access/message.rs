//! Why not, in sentences that a person understands, in both languages.
//!
//! Every sentence names the kind and the field by their labels; none names a value.

use serde_json::Value;

use super::{Action, Beyond, Limit, Outcome, Right, Role};
use crate::id::Facet;
use crate::schema::{Kind, Label};

pub(super) fn no_role(role: &str) -> Label {
    both(format!("The role `{role}` does not exist here."), format!("角色“{role}”不存在。"))
}

pub(super) fn not_at_all(role: &Role, kind: &Kind, action: Action) -> Label {
    let (en, zh) = (to_en(action, &many(kind)), to_zh(action, &kind.label.zh));
    both(format!("The role “{}” may not {en}.", role.label.en), format!("“{}”角色不能{zh}。", role.label.zh))
}

pub(super) fn only_own(role: &Role, kind: &Kind, action: Action) -> Label {
    let en = to_en(action, &format!("only its own {}", many(kind)));
    let zh = to_zh(action, &format!("自己负责的{}", kind.label.zh));
    both(format!("The role “{}” may {en}.", role.label.en), format!("“{}”角色只能{zh}。", role.label.zh))
}

pub(super) fn only_team(role: &Role, kind: &Kind, action: Action) -> Label {
    let en = to_en(action, &format!("only {} of its own teams", many(kind)));
    let zh = to_zh(action, &format!("本团队的{}", kind.label.zh));
    both(format!("The role “{}” may {en}.", role.label.en), format!("“{}”角色只能{zh}。", role.label.zh))
}

pub(super) fn only_territory(role: &Role, kind: &Kind, action: Action) -> Label {
    let en = to_en(action, &format!("only {} of its own teams and territories", many(kind)));
    let zh = to_zh(action, &format!("本团队和本区域的{}", kind.label.zh));
    both(format!("The role “{}” may {en}.", role.label.en), format!("“{}”角色只能{zh}。", role.label.zh))
}

/// What a part of records is called.
pub fn part(facet: Facet) -> Label {
    let (en, zh) = match facet {
        Facet::Main => ("general", "基本"),
        Facet::Commercial => ("commercial", "商务"),
        Facet::Private => ("personal", "个人隐私"),
    };
    both(en.to_owned(), zh.to_owned())
}

pub(super) fn not_this_part(role: &Role, kind: &Kind, action: Action, facet: Facet) -> Label {
    let part = part(facet);
    let en = to_en(action, &format!("the {} data of {}", part.en, many(kind)));
    let zh = to_zh(action, &format!("{}的{}信息", kind.label.zh, part.zh));
    both(format!("The role “{}” may not {en}.", role.label.en), format!("“{}”角色不能{zh}。", role.label.zh))
}

pub(super) fn not_this_field(role: &Role, kind: &Kind, field: Label) -> Label {
    both(
        format!("The role “{}” may not change “{}” of {}.", role.label.en, field.en, many(kind)),
        format!("“{}”角色不能修改{}的“{}”。", role.label.zh, kind.label.zh, field.zh),
    )
}

pub(super) fn by_server(kind: &Kind) -> Label {
    both(format!("The server makes {} and closes them.", many(kind)), format!("{}由服务器生成和关闭。", kind.label.zh))
}

pub(super) fn assigned(kind: &Kind, field: Label) -> Label {
    both(
        format!("“{}” of {} is given by the server.", field.en, many(kind)),
        format!("{}的“{}”由服务器分配，不能填写。", kind.label.zh, field.zh),
    )
}

pub(super) fn derived(kind: &Kind, field: Label) -> Label {
    both(
        format!("“{}” of {} is computed: nobody writes it.", field.en, many(kind)),
        format!("{}的“{}”由系统计算，不能填写。", kind.label.zh, field.zh),
    )
}

/// Why a value is not written alone; without one, what holds of all that the limit is about.
pub(super) fn limit(kind: &Kind, limit: &Limit, value: Option<&Value>) -> Label {
    let (field_en, field_zh) = limited_field(kind, limit);
    let above = match &limit.beyond {
        Beyond::Above(above) => above,
        Beyond::WhileWaiting(_) => return waits(kind, limit, value),
        Beyond::OfKeyAccount(_) => return managed(kind, limit, value),
    };
    let (then_en, then_zh) = match limit.outcome {
        Outcome::Review => ("needs approval", "需要审批"),
        Outcome::Refuse => ("is not possible", "不允许"),
    };
    let kinds = many(kind);
    match value {
        Some(_) => both(
            format!("{field_en} of {kinds} is above {above} and {then_en}."),
            format!("{}的{field_zh}超过 {above}，{then_zh}。", kind.label.zh),
        ),
        None => both(
            format!("{field_en} of {kinds} above {above} {then_en}."),
            format!("{}的{field_zh}超过 {above} 时，{then_zh}。", kind.label.zh),
        ),
    }
}

fn waits(kind: &Kind, limit: &Limit, value: Option<&Value>) -> Label {
    let Label { en, zh } = cannot(kind, limit, value);
    if value.is_none() {
        return both(format!("While an edit of a record waits for approval, {en}."), format!("记录有修改等待审批期间，{zh}。"));
    }
    both(
        format!("An edit of this record still waits for approval. Until it is decided, {en}."),
        format!("该记录有修改正在等待审批。审批完成前，{zh}。"),
    )
}

fn managed(kind: &Kind, limit: &Limit, value: Option<&Value>) -> Label {
    let Label { en, zh } = cannot(kind, limit, value);
    if value.is_none() {
        let en = format!("Where a key account is concerned that somebody else answers for, {en}.");
        return both(en, format!("涉及由他人负责的重点客户时，{zh}。"));
    }
    both(format!("This belongs to a key account that somebody else answers for: {en}."), format!("这属于由他人负责的重点客户：{zh}。"))
}

/// What a limit says of a value, as a part of a sentence, or of all that it is about. The value is named where it is one of
/// the field's own: those are no secret.
fn cannot(kind: &Kind, limit: &Limit, value: Option<&Value>) -> Label {
    let (field_en, field_zh) = limited_field(kind, limit);
    let declared = kind.field(&limit.field).map_or(&[][..], |field| &field.options);
    let is_meant = |option: &str| match value {
        Some(value) => value.as_str() == Some(option),
        None => limit.beyond.values().iter().any(|value| **value == *option),
    };
    let chosen = declared.iter().filter(|option| is_meant(&option.value)).map(|option| &option.label);
    let (ens, zhs): (Vec<String>, Vec<String>) = chosen.map(|label| (format!("“{}”", label.en), format!("“{}”", label.zh))).unzip();
    let (to_en, to_zh) = match ens.is_empty() {
        false => (format!("become {}", ens.join(" or ")), format!("改为{}", zhs.join("、"))),
        true => ("be written".to_owned(), "填写".to_owned()),
    };
    let (then_en, then_zh) = match limit.outcome {
        Outcome::Review => ("needs approval to", "需经审批才能"),
        Outcome::Refuse => ("cannot", "不能"),
    };
    both(format!("{field_en} of {} {then_en} {to_en}", many(kind)), format!("{}的{field_zh}{then_zh}{to_zh}", kind.label.zh))
}

fn limited_field(kind: &Kind, limit: &Limit) -> (String, String) {
    let field = kind.field(&limit.field);
    let own = super::label(field, &limit.field);
    match &limit.item {
        Some(item) => {
            let part = super::label(field.and_then(|field| field.item(item)), item);
            (format!("“{}” in “{}”", part.en, own.en), format!("“{}”中的“{}”", own.zh, part.zh))
        }
        None => (format!("“{}”", own.en), format!("“{}”", own.zh)),
    }
}

pub(super) fn no_right(role: &Role, kind: &Kind, right: Right) -> Label {
    let (en, zh) = match right {
        Right::Administer => ("administer", "管理"),
        Right::Export => ("export", "导出"),
        Right::Import => ("import", "导入"),
        Right::Purge => ("erase", "彻底删除"),
    };
    both(
        format!("The role “{}” may not {en} {}.", role.label.en, many(kind)),
        format!("“{}”角色不能{zh}{}。", role.label.zh, kind.label.zh),
    )
}

/// What is done to records of a kind, to be read: `Change deals`.
pub fn deed(kind: &Kind, action: Action) -> Label {
    let en = to_en(action, &many(kind));
    let (first, rest) = en.split_at(1);
    both(format!("{}{rest}", first.to_uppercase()), to_zh(action, &kind.label.zh))
}

fn to_en(action: Action, what: &str) -> String {
    match action {
        Action::Read => format!("see {what}"),
        Action::Create => format!("create {what}"),
        Action::Edit => format!("change {what}"),
        Action::Archive => format!("archive {what}"),
        Action::Resolve => format!("settle conflicts of {what}"),
    }
}

fn to_zh(action: Action, what: &str) -> String {
    match action {
        Action::Read => format!("查看{what}"),
        Action::Create => format!("新建{what}"),
        Action::Edit => format!("修改{what}"),
        Action::Archive => format!("归档{what}"),
        Action::Resolve => format!("处理{what}的数据冲突"),
    }
}

/// The plural within a sentence: `Customers` is `customers`, and `VIP guests` stays.
fn many(kind: &Kind) -> String {
    let mut rest = kind.plural.en.chars();
    match (rest.next(), rest.clone().next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => first.to_lowercase().chain(rest).collect(),
        _ => kind.plural.en.clone(),
    }
}

pub(super) fn both(en: String, zh: String) -> Label {
    Label { en, zh }
}
