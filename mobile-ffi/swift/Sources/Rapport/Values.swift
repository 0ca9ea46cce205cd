import Foundation
import RapportFFI

/// What a field may hold: `"佳美"`, `12`, `Date()`, a record's id, lists and groups of these.
public protocol FieldValue {
    var fieldValue: Value { get }
}

extension Value: FieldValue { public var fieldValue: Value { self } }
extension String: FieldValue { public var fieldValue: Value { .text(value: self) } }
extension Bool: FieldValue { public var fieldValue: Value { .flag(value: self) } }
extension Int: FieldValue { public var fieldValue: Value { .whole(value: Int64(self)) } }
extension Int64: FieldValue { public var fieldValue: Value { .whole(value: self) } }
extension Double: FieldValue { public var fieldValue: Value { .real(value: self) } }
extension Date: FieldValue { public var fieldValue: Value { .whole(value: Int64((timeIntervalSince1970 * 1000).rounded())) } }
extension RecordID: FieldValue { public var fieldValue: Value { .text(value: value) } }

extension Array: FieldValue where Element: FieldValue {
    public var fieldValue: Value { .many(values: map(\.fieldValue)) }
}

extension Dictionary: FieldValue where Key == String, Value: FieldValue {
    public var fieldValue: RapportFFI.Value { .parts(values: mapValues(\.fieldValue)) }
}

/// `nil` clears a field.
extension Optional: FieldValue where Wrapped: FieldValue {
    public var fieldValue: Value { self?.fieldValue ?? .empty }
}

extension Value {
    /// A text, a choice, a day, a link.
    public var text: String? { if case .text(let value) = self { value } else { nil } }

    /// A whole number.
    public var whole: Int64? { if case .whole(let value) = self { value } else { nil } }

    /// Any number.
    public var real: Double? {
        switch self {
        case .real(let value): value
        case .whole(let value): Double(value)
        default: nil
        }
    }

    /// Yes or no.
    public var flag: Bool? { if case .flag(let value) = self { value } else { nil } }

    /// A moment.
    public var moment: Date? { whole.map { Date(timeIntervalSince1970: Double($0) / 1000) } }

    /// Another record.
    public var link: RecordID? { text.map(RecordID.init) }

    /// A group, such as money, or a row.
    public var parts: [String: Value]? { if case .parts(let values) = self { values } else { nil } }

    /// The elements of a set, the rows of a list.
    public var items: [Value]? { if case .many(let values) = self { values } else { nil } }

    /// The elements of a set.
    public var texts: [String]? { items?.compactMap(\.text) }

    /// The rows of a list.
    public var rows: [[String: Value]]? { items?.compactMap(\.parts) }
}

extension Record {
    /// What a field shows; `nil` when it shows nothing.
    public subscript(field: String) -> Value? { fields[field] }
}

extension FieldInfo {
    /// The options that people may choose; `options` has the labels of those that records may still hold, too.
    public var offered: [ChoiceInfo] { options.filter { !$0.hidden } }
}
