//! What goes wrong in queries, by name, and what people read of each, in both languages.

use std::fmt;

/// A list of faults with their words.
macro_rules! said {
    ($(#[$about:meta])* $name:ident { $($case:ident: $en:literal, $zh:literal;)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $en] $case,)+
        }

        impl $name {
            /// What people read in Chinese; the English is its `Display`.
            pub fn zh(self) -> &'static str {
                match self {
                    $($name::$case => $zh,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($name::$case => $en,)+
                })
            }
        }
    };
}

said! {
    /// Why an attribute that there is cannot be asked about.
    Unfit {
        Elsewhere: "is not in the record itself: no list is ordered by it", "不在记录自身中，列表不能按它排序";
        Several: "may have several values: no list is ordered by it", "可能有多个值，列表不能按它排序";
        Group: "is a group: order by one of its parts", "由几部分组成，请按其中一部分排序";
        NoPointer: "is no link that points at records of this kind", "不是指向此类记录的关联";
        TwoLinks: "walks more than one link", "经过了不止一个关联";
        AnyKind: "is a link that does not say which kinds it points at", "是没有指明对象的关联";
        NoPointers: "names no records that point here, as `activity:about` does", "没有指明关联到此的记录，应如 `activity:about`";
        Values: "names values: what they are to be stands in the list of conditions", "指的是值：对值的要求应写在条件列表里";
        TwoSteps: "points at records that point here: one step is all", "指向关联到此的记录的记录：只能走一步";
        NoGroup: "cannot be grouped by", "不能用来分组";
        NoNumber: "is no number", "不是数字";
    }
}

said! {
    /// What an operator needs.
    Needed {
        Pair: "a list of two values", "两个值的列表";
        List: "a list with at least one value", "至少一个值的列表";
        Conditions: "a list of conditions", "条件列表";
        Count: "a `count` from 1 to 1000", "1 到 1000 的 `count`";
        Record: "a record's id", "记录的 id";
        Whole: "a whole number", "整数";
        Number: "a number", "数字";
        TrueOrFalse: "true or false", "true 或 false";
        OtherOperator: "another operator", "别的运算符";
        Text: "a text", "文本";
        NoZero: "a text without a zero character", "不含零字符的文本";
        Option: "one of its options", "它的一个选项";
        Day: "a day such as \"2026-05-03\"", "日期，如 \"2026-05-03\"";
        Moment: "milliseconds, a time with its zone (\"2026-05-03T10:00:00Z\") or a day", "毫秒数、带时区的时间（\"2026-05-03T10:00:00Z\"）或日期";
        Days: "a number of days", "天数";
        Near: "a place and at most 1000 km around it, as {\"lat\": 31.23, \"lon\": 121.47, \"km\": 10}", "位置及其周围不超过 1000 公里的范围，如 {\"lat\": 31.23, \"lon\": 121.47, \"km\": 10}";
    }
}

said! {
    /// What there is too much of.
    Excess {
        Where: "bytes of `where`", "`where` 的字节数";
        Depth: "groups within groups", "条件组的层数";
        Conditions: "conditions", "条件的个数";
        List: "values in a list", "列表中值的个数";
        Text: "bytes of a text", "文本的字节数";
        Days: "days", "天数";
        Rows: "rows of a page", "每页的行数";
        Cursor: "bytes of a cursor", "翻页标记的字节数";
        Select: "attributes in `select`", "`select` 中字段的个数";
        Sums: "sums", "合计的个数";
    }
}

said! {
    /// What is wrong with a parameter beside `where`.
    Wrong {
        Unknown: "is unknown", "不存在";
        Offset: "is not there: pass the answer's cursor as `after`", "不存在：请把答复中的翻页标记作为 `after` 传入";
        NoCursor: "is not a cursor of this list", "不是此列表的翻页标记";
        OtherCursor: "is a cursor of another order", "是另一种排序的翻页标记";
        Direction: "is `asc` or `desc`", "应为 `asc` 或 `desc`";
        NoSize: "is a whole number", "应为整数";
        Nothing: "is at least 1", "至少为 1";
        Parts: "takes whole attributes, not parts of them", "只能列出整个字段，不能列出其中一部分";
    }
}
