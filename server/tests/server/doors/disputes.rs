//! That two disagree about what somebody may not read is told to them nowhere: not in lists, not in counts, not where it is
//! decided, not on the record's page, and not to programs.

use reqwest::Method;
use serde_json::Value;

use super::Street;
use super::place::Thing;
use crate::harness::Answer;
use crate::lists::between;

/// Who reads the part in which two disagree, and who does not.
const READERS: [(&str, bool); 3] = [("office", true), ("manager", true), ("rep", false)];
/// The records that are disputed, with the disagreements about them that everybody reads.
const DISPUTED: [(Thing, u64); 2] = [(Thing::Disputed, 1), (Thing::Whispered, 0)];
/// What stands at a disagreement, on every page.
const MARK: &str = "#conflict\"";

impl Street {
    async fn read(&self, role: &str, path: &str) -> Answer {
        let answer = self.here.send(&self.server, role, Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    }
}

/// The part of a list that is about one record.
fn row(list: &str, record: &str) -> String {
    between(list, &format!("<tr id=\"r-{record}\""), "</tr>").to_owned()
}

#[tokio::test]
async fn programs_are_told_of_no_disagreement_in_a_part_that_they_may_not_read() {
    let street = Street::new().await;
    for (role, sees) in READERS {
        let all = street.read(role, "/api/v1/conflicts").await.text();
        assert_eq!(all.contains("credit_limit"), sees, "{role}: {all}");
        let list = street.read(role, "/api/v1/party?maxSize=200").await.json();
        for (thing, seen_by_all) in DISPUTED {
            let (record, expected) = (street.here.ids(thing).0, seen_by_all + u64::from(sees));
            let own = street.read(role, &format!("/api/v1/party/{record}/conflicts")).await.text();
            assert_eq!(own.contains("credit_limit"), sees, "{role}: {own}");
            assert_eq!(all.contains(record), expected > 0, "{role}, {thing:?}: {all}");
            let one = street.read(role, &format!("/api/v1/party/{record}")).await.json();
            let listed = list["rows"].as_array().unwrap().iter().find(|row| row["id"] == record).unwrap();
            for read in [&one, listed] {
                assert_eq!(read["conflicts"], expected, "{role}, and what they see of {thing:?}: {read}");
            }
        }
    }
}

#[tokio::test]
async fn no_page_tells_of_a_disagreement_in_a_part_that_its_reader_may_not_read() {
    let street = Street::new().await;
    let mut open = Vec::new();
    for (role, sees) in READERS {
        let list = street.read(role, "/records/party?columns=name").await.text();
        let inbox = street.read(role, "/conflicts").await.text();
        let work = inbox.split("id=\"open\"").nth(1).unwrap();
        for (thing, seen_by_all) in DISPUTED {
            let (record, expected) = (street.here.ids(thing).0, seen_by_all + u64::from(sees));
            let row = row(&list, record);
            let count = format!("{MARK}/></svg>{expected}<");
            assert_eq!(row.contains(MARK), expected > 0, "{role}, {thing:?}: {row}");
            assert!(expected == 0 || row.contains(&count), "{role}, {thing:?}: {row}");
            let found = work.matches(&format!("href=\"/records/party/{record}#f-")).count() as u64;
            assert_eq!(found, expected, "{role}, {thing:?}: {work}");
            let page = street.read(role, &format!("/records/party/{record}")).await.text();
            let head = between(&page, "<h1>", "class=\"actions\"");
            assert_eq!(head.contains(MARK), expected > 0, "{role}, {thing:?}: {head}");
            assert_eq!(page.matches(" disputed wide\"").count() as u64, expected, "{role}, {thing:?}: {page}");
        }
        let told = street.read(role, "/api/v1/conflicts").await.json()["rows"].as_array().unwrap().len();
        let item = between(&inbox, "<a href=\"/conflicts\"", "</a>");
        assert!(item.ends_with(&format!("<span class=\"count\">{told}</span>")), "{role} has {told}: {item}");
        let gaps = street.read(role, "/gaps").await.text();
        let gap = between(gaps.split("id=\"gaps\"").nth(1).unwrap(), "<a href=\"/conflicts\">", "</li>");
        assert!(gap.ends_with(&format!(">{told}</span>")), "{role} has {told}: {gap}");
        open.push(told);
    }
    assert_eq!(open, [open[2] + 2, open[2] + 2, 1], "two are of the hidden part");
}
