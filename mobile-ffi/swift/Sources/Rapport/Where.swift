import Foundation
import RapportFFI

/// A condition of a list, in the language of `docs/query.md`: `.equals("industry", "print")`.
public struct Where: Sendable {
    let json: String

    /// Any operator of the language.
    public static func condition(_ type: String, _ attribute: String, _ value: (any FieldValue)?) -> Where {
        let rest = value.map { ",\"value\":\(jsonOf($0.fieldValue))" } ?? ""
        return Where(json: "{\"type\":\(quoted(type)),\"attribute\":\(quoted(attribute))\(rest)}")
    }

    public static func equals(_ attribute: String, _ value: any FieldValue) -> Where { condition("equals", attribute, value) }
    public static func contains(_ attribute: String, _ value: String) -> Where { condition("contains", attribute, value) }
    public static func startsWith(_ attribute: String, _ value: String) -> Where { condition("startsWith", attribute, value) }
    public static func atLeast(_ attribute: String, _ value: any FieldValue) -> Where { condition("greaterThanOrEquals", attribute, value) }
    public static func atMost(_ attribute: String, _ value: any FieldValue) -> Where { condition("lessThanOrEquals", attribute, value) }
    public static func isIn(_ attribute: String, _ values: [String]) -> Where { condition("in", attribute, values) }
    public static func isNull(_ attribute: String) -> Where { condition("isNull", attribute, nil) }
    public static func isNotNull(_ attribute: String) -> Where { condition("isNotNull", attribute, nil) }

    /// At least one of the conditions must hold.
    public static func any(_ conditions: Where...) -> Where { Where(json: "{\"type\":\"or\",\"value\":\(all(conditions))}") }

    static func all(_ conditions: [Where]) -> String { "[" + conditions.map(\.json).joined(separator: ",") + "]" }
}

private func jsonOf(_ value: Value) -> String {
    switch value {
    case .empty: "null"
    case .flag(let value): value ? "true" : "false"
    case .whole(let value): String(value)
    case .real(let value): String(value)
    case .text(let value): quoted(value)
    case .many(let values): "[" + values.map(jsonOf).joined(separator: ",") + "]"
    case .parts(let values): "{" + values.map { "\(quoted($0)):\(jsonOf($1))" }.joined(separator: ",") + "}"
    }
}

private func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": out += "\\\(scalar)"
        case _ where scalar.value < 0x20:
            let hex = String(scalar.value, radix: 16)
            out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
