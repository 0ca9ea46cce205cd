//! Filters with groups, with *not*, and about records that point here: put together in a form, and read back into it.

use serde_json::{Value, json};
use sync_core::record::fields::FieldEdit;

use crate::console::Desk;
use crate::harness::{Answer, PAGE_BYTES_MAX};
use crate::kinds::sent;
use crate::lists::{address, between, has};

impl Desk {
    /// The form for all conditions of a filter about deals.
    async fn form_of(&self, filter: &Value) -> String {
        let page = self.page(&address("/records/deal", &[("where", &filter.to_string()), ("panel", "conditions")])).await;
        between(&page, "<form class=\"card panel whole\"", "</form>").to_owned()
    }

    async fn put(&self, form: &[(String, String)]) -> Answer {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.post("/records/deal/filter", &form).await
    }

    /// The filter that a form puts together, and the list that it makes.
    async fn filtered(&self, form: &[(String, String)]) -> (Value, String) {
        let answer = self.put(form).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let page = self.page(answer.header("location")).await;
        let chosen = sent(&page).into_iter().find(|(name, _)| name == "where").unwrap().1;
        (serde_json::from_str(&chosen).unwrap(), page)
    }
}

fn is(attribute: &str, value: &str) -> Value {
    json!({"type": "in", "attribute": attribute, "value": [value]})
}

fn group(word: &str, conditions: &[Value]) -> Value {
    json!({"type": word, "value": conditions})
}

fn called() -> Value {
    json!({"type": "any", "attribute": "activity:about", "value": [is("type", "call"), is("status", "planned")]})
}

/// Names and values, as a form sends them.
fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_filter_with_groups_is_read_back_by_its_form_and_nothing_is_lost() {
    let desk = Desk::new().await;
    let (won, lost, open) = (is("stage", "won"), is("stage", "lost"), json!({"type": "isNull", "attribute": "close_date"}));
    let shown = [
        json!([won, open]),
        json!([group("or", &[won.clone(), open.clone()])]),
        json!([group("not", &[group("or", &[won.clone(), lost.clone()])])]),
        json!([group("not", std::slice::from_ref(&won))]),
        json!([group("not", &[won.clone(), open.clone()])]),
        json!([open, group("or", &[won.clone(), group("and", &[lost.clone(), group("not", std::slice::from_ref(&open))])])]),
        json!([called()]),
        json!([{"type": "atLeast", "attribute": "activity:about", "count": 2, "value": [group("or", &[is("type", "call"), is("type", "visit")])]}]),
        json!([group("or", &[open.clone(), json!({"type": "none", "attribute": "activity:about", "value": [is("type", "call")]})])]),
        json!([{"type": "linkedWith", "attribute": "owner", "value": ["@me"]}]),
    ];
    for filter in shown {
        let form = desk.form_of(&filter).await;
        assert!(!form.contains(".raw\""), "all of it is shown by controls: {filter}: {form}");
        assert_eq!(desk.filtered(&sent(&form)).await.0, filter);
    }
    // An operator of programs, and groups deeper than people read: kept by what they say.
    let deep = group(
        "or",
        &[won.clone(), group("and", &[open.clone(), group("or", &[won.clone(), group("and", &[lost, won.clone(), open.clone()])])])],
    );
    let kept = [json!([open, {"type": "equals", "attribute": "stage", "value": "won"}]), json!([open, deep])];
    for filter in kept {
        let form = desk.form_of(&filter).await;
        assert!(form.contains(".raw\""), "{filter}: {form}");
        let more =
            [sent(&form), pairs(&[("conditions.2.attribute", "source"), ("conditions.2.was", "source"), ("conditions.2.op", "isNull")])];
        let mut wanted = filter;
        wanted.as_array_mut().unwrap().push(json!({"type": "isNull", "attribute": "source"}));
        assert_eq!(desk.filtered(&more.concat()).await.0, wanted);
    }
    let many: Vec<Value> = (0..40).map(|n| json!({"type": "contains", "attribute": "title", "value": format!("{n}")})).collect();
    assert_eq!(desk.filtered(&sent(&desk.form_of(&json!(many)).await)).await.0, json!(many), "many stay as they are");
    let some: Vec<Value> = many.into_iter().take(20).collect();
    let page = desk.page(&address("/records/deal", &[("where", &json!(some).to_string()), ("panel", "conditions")])).await;
    assert!(page.len() < PAGE_BYTES_MAX, "each offers fewer fields: {}", page.len());
    let form = desk.form_of(&json!(some)).await;
    assert_eq!(desk.filtered(&sent(&form)).await.0, json!(some));
}

#[tokio::test]
async fn a_form_that_nobody_made_by_hand_is_refused_however_deep_or_long_it_is() {
    let desk = Desk::new().await;
    let deep = (0..4_000).map(|depth| (format!("conditions{}.match", ".0".repeat(depth)), "any".to_owned()));
    let long = (0..4_000).map(|line| (format!("conditions.{line}.raw"), "{}".to_owned()));
    let form = [("conditions.form".to_owned(), String::new())];
    for sent in [deep.skip(3_900).collect::<Vec<_>>(), long.collect()] {
        let sent: Vec<(String, String)> = form.iter().cloned().chain(sent).collect();
        let refused = desk.put(&sent).await;
        assert_eq!(refused.status, 422);
        has(&refused.text(), &["100"], &[]);
    }
}

#[tokio::test]
async fn several_conditions_are_about_one_record_that_points_here() {
    let mut desk = Desk::new().await;
    // One activity that is both, and two of which each is one.
    for (n, name, activities) in
        [(1, "Both at once", vec![("call", "planned")]), (2, "One of each", vec![("call", "done"), ("visit", "planned")])]
    {
        let deal = desk.deal(n, name, "lead", 1, &[]).await;
        for (at, (kind, status)) in activities.into_iter().enumerate() {
            let about = FieldEdit::Add { field: "about".to_owned(), value: deal.to_string() };
            let edits = [FieldEdit::set("subject", "x"), FieldEdit::set("type", kind), FieldEdit::set("status", status), about];
            desk.save("activity", 10 * n + at as u8, &edits).await;
        }
    }
    // Without a script: step by step, by buttons.
    let line = |more: &[(&str, &str)]| {
        let base = [("conditions.form", ""), ("conditions.0.attribute", "activity:about"), ("conditions.0.was", "activity:about")];
        pairs(&[&base[..], &[("conditions.0.op", "any")], more].concat())
    };
    let asked = desk.put(&pairs(&[("conditions.form", ""), ("conditions.0.attribute", "activity:about"), ("step", "ask")])).await;
    has(
        &asked.text(),
        &["name=\"conditions.0.op\"", "Of one and the same of these Activities:", "name=\"conditions.0.of.+\" value=\"line\""],
        &[],
    );
    let more = desk.put(&line(&[("conditions.0.of.+", "line")])).await.text();
    has(&more, &["name=\"conditions.0.of.0.attribute\"", "<option value=\"status\">"], &[]);
    assert!(!between(&more, "name=\"conditions.0.of.0.attribute\"", "</select>").contains("activity:about"), "one step, not two");

    let of = [("conditions.0.of.0.attribute", "type"), ("conditions.0.of.0.was", "type"), ("conditions.0.of.0.op", "in")];
    let and = [("conditions.0.of.1.attribute", "status"), ("conditions.0.of.1.was", "status"), ("conditions.0.of.1.op", "in")];
    let half = desk.put(&line(&of)).await;
    assert_eq!(half.status, 422);
    has(&half.text(), &["Say what to compare with", "A condition is not complete", "name=\"conditions.0.of.0.attribute\""], &[]);
    let whole = [&of[..], &[("conditions.0.of.0.v", "call")], &and[..], &[("conditions.0.of.1.v", "planned")]].concat();
    let (filter, list) = desk.filtered(&line(&whole)).await;
    assert_eq!(filter, json!([called()]));
    has(&list, &["Both at once", "1 record<"], &["One of each"]);
    // None of one and the same, or either: the same lines, put together otherwise.
    let other = line(&[&whole[..], &[("conditions.0.of.match", "any")]].concat());
    has(&desk.filtered(&other).await.1, &["Both at once", "One of each"], &[]);
    let not = line(&[&whole[..], &[("conditions.match", "none")]].concat());
    has(&desk.filtered(&not).await.1, &["One of each", "1 record<", "not (Activities"], &["Both at once"]);
}

#[tokio::test]
async fn a_condition_or_a_group_is_added_and_taken_out_without_a_script() {
    let mut desk = Desk::new().await;
    for (n, name, stage, yuan) in [(1, "Small", "won", 1), (2, "Large", "won", 900), (3, "Gone", "lost", 5)] {
        desk.deal(n, name, stage, yuan, &[]).await;
    }
    let start = desk.put(&pairs(&[("conditions.form", ""), ("conditions.+", "group")])).await.text();
    let form = between(&start, "<form class=\"card panel whole\"", "</form>");
    has(form, &["name=\"conditions.0.match\"", "name=\"conditions.0.0.attribute\"", "name=\"conditions.1.attribute\""], &[]);
    let first =
        [("conditions.0.0.attribute", "stage"), ("conditions.0.0.was", "stage"), ("conditions.0.0.op", "in"), ("conditions.0.0.v", "lost")];
    let second =
        [("conditions.0.1.attribute", "amount.amount"), ("conditions.0.1.was", "amount.amount"), ("conditions.0.1.op", "greaterThan")];
    let base = [("conditions.form", ""), ("conditions.0.match", "any")];
    let group = pairs(&[&base[..], &first, &second, &[("conditions.0.1.v", "100")]].concat());
    let (filter, list) = desk.filtered(&group).await;
    assert_eq!(filter[0]["type"], "or", "{filter}");
    has(&list, &["Large", "Gone", "2 records"], &["Small"]);
    let without = [group.clone(), pairs(&[("conditions.0.0.remove", "on")])].concat();
    has(&desk.filtered(&without).await.1, &["Large", "1 record<"], &["Gone"]);
    let nothing = [group, pairs(&[("conditions.0.remove", "on")])].concat();
    let (filter, list) = desk.filtered(&nothing).await;
    assert_eq!((filter, list.contains("3 records")), (json!([]), true));
    // The same in the other language.
    desk.post("/language", &[("language", "zh-CN")]).await;
    has(&desk.form_of(&json!([called()])).await, &["添加条件组", "同一条活动须满足：", "须满足全部条件", "不得满足其中任何一条"], &[]);
}
