import Foundation
import Rapport
import RapportTestKit
import Testing

private typealias Step = [String: Any]

/// The scenarios that all languages run, in Swift: the same data, the same answers.
@Suite struct ScenariosTests {
    static let names: [String] = scenarios().map { $0["name"] as? String ?? "" }

    private static func scenarios() -> [Step] {
        let path = ProcessInfo.processInfo.environment["RAPPORT_SCENARIOS"] ?? "../../../scenarios/scenarios.json"
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return (try? JSONSerialization.jsonObject(with: data)) as? [Step] ?? []
    }

    @Test func thereAreScenarios() { #expect(Self.names.count >= 7) }

    @Test(arguments: ScenariosTests.names) func aScenarioHoldsInSwift(name: String) async throws {
        let scenario = try #require(Self.scenarios().first { $0["name"] as? String == name })
        let play = try await Play(phones: scenario["phones"] as? [String: String] ?? [:])
        for step in scenario["steps"] as? [Step] ?? [] {
            var failed = ""
            do { try await play.take(step) } catch let error as ClientError { failed = caseOf(error) }
            #expect(failed == step["fails"] as? String ?? "", "\(name): \(step)")
        }
    }
}

/// An ordinary value as the scenarios write it; a set has no order.
private func json(_ value: Value?) -> Any {
    switch value {
    case nil, .empty: NSNull()
    case .flag(let value): value
    case .whole(let value): value
    case .real(let value): value
    case .text(let value): value
    case .many(let values): values.map(json)
    case .parts(let values): values.mapValues(json)
    }
}

private func value(_ json: Any?) -> Value {
    switch json {
    case let text as String: .text(value: text)
    case let list as [Any]: .many(values: list.map(value))
    case let parts as [String: Any]: .parts(values: parts.mapValues(value))
    case let number as NSNumber: .whole(value: number.int64Value)
    default: .empty
    }
}

/// As one text that can be compared, whatever the order of a set.
private func said(_ json: Any?) -> String {
    switch json {
    case let list as [Any]: "[" + list.map(said).sorted().joined(separator: ",") + "]"
    case let parts as [String: Any]: "{" + parts.sorted { $0.key < $1.key }.map { "\($0.key):\(said($0.value))" }.joined(separator: ",") + "}"
    case let text as String: "'\(text)'"
    case nil, is NSNull: "nothing"
    case let number as NSNumber: number.stringValue
    case let other?: "\(other)"
    }
}

private final class Play {
    let kit: TestKit
    let folder = Folder()
    var phones: [String: Rapport] = [:]
    var records: [String: RecordID] = [:]

    init(phones: [String: String]) async throws {
        kit = try TestKit()
        for (name, login) in phones { self.phones[name] = try await kit.phone(login) }
    }

    private func word(_ step: Step, _ key: String) -> String { step[key] as? String ?? "" }

    private func record(_ step: Step) throws -> RecordID { try #require(records[word(step, "record")]) }

    private func edits(_ step: Step) -> (inout Edits) -> Void {
        { made in
            for edit in step["edits"] as? [Step] ?? [] {
                let field = self.word(edit, "field")
                let parts = (edit["values"] as? [String: Any] ?? [:]).mapValues { value($0) as any FieldValue }
                switch self.word(edit, "op") {
                case "set" where field == "archived": made.archive()
                case "set": made.set(field, value(edit["value"]))
                case "add": made.add(field, self.word(edit, "value"))
                case "remove": made.remove(field, self.word(edit, "value"))
                case "set_row": made.setRow(field, row: self.word(edit, "row"), parts)
                case "remove_row": made.removeRow(field, row: self.word(edit, "row"))
                case "splice":
                    let (at, delete) = (edit["at"] as? Int ?? 0, edit["delete"] as? Int ?? 0)
                    made.splice(field, at: UInt64(at), delete: UInt64(delete), insert: self.word(edit, "insert"))
                case let other: Issue.record("unknown op \(other)")
                }
            }
        }
    }

    func take(_ step: Step) async throws {
        guard let on = step["on"] as? String else { return try await arrange(step) }
        let phone = try #require(phones[on])
        switch word(step, "do") {
        case "create": records[word(step, "as")] = try await phone.create(word(step, "kind"), edits(step))
        case "edit": try await phone.edit(try record(step), edits(step))
        case "sync": try await phone.sync()
        case "resolve":
            let conflict = try #require(try await phone.conflicts().first { $0.path == word(step, "path") })
            try await phone.resolve(conflict, value(step["value"]))
        case "retry": try await phone.retry(try await phone.drafts()[0], edits(step))
        case "undo": try await phone.undo()
        case "redo": try await phone.redo()
        case "merge": try await phone.merge(try record(step), into: try #require(records[word(step, "into")]))
        case "split": try await phone.split(try record(step))
        case "sign_out": try await phone.signOut(loseUnsent: step["lose_unsent"] as? Bool ?? false)
        case "attach":
            let path = try folder.keep(word(step, "name"), picture(step["size"] as? Int ?? 0))
            let small = picture(step["thumbnail"] as? Int ?? 0)
            records[word(step, "as")] = try await phone.attach(path, to: try record(step), mediaType: word(step, "media_type"), thumbnail: small)
        case "fetch": try await phone.fetch(try record(step))
        default:
            for (key, found) in try await look(phone, step) { #expect(said(found) == said(step[key]), "\(step)") }
        }
    }

    private func arrange(_ step: Step) async throws {
        switch word(step, "do") {
        case "cut": try kit.cut()
        case "mend": try kit.mend()
        case "quiet": for _ in 0..<2 { for phone in phones.values { try await quiesce(phone) } }
        case "reject_next": try kit.rejectNext(word(step, "login"), code: word(step, "code"), detail: word(step, "detail"))
        case "revoke": try kit.revokeDevices(word(step, "login"))
        case "console": try kit.edit(as: word(step, "login"), word(step, "kind"), try record(step), step["edits"] as? [Any] ?? [])
        case let other: Issue.record("unknown step \(other)")
        }
    }

    private func subscription(_ step: Step) throws -> (Whose, [String], UInt32?) {
        let whose: Whose =
            switch word(step, "whose") {
            case "mine": .mine
            case "team": .team
            case "territory": .territory(name: word(step, "name"))
            case "customer": .customer(record: try record(step))
            default: .everyone
            }
        return (whose, step["kinds"] as? [String] ?? [], (step["days"] as? Int).map { UInt32($0) })
    }

    private func look(_ phone: Rapport, _ step: Step) async throws -> [String: Any] {
        switch word(step, "do") {
        case "record":
            let row = try #require(try await phone.get(try record(step)))
            return ["title": row.title, "state": "\(row.state)".capitalizedFirst, "conflicts": row.conflicts]
        case "field":
            return ["value": json(try await phone.get(try record(step))?[word(step, "field")])]
        case "conflict":
            let (record, field) = (try record(step), word(step, "field"))
            let found = try await phone.conflicts().filter { $0.record == record && $0.field == field }
            return ["values": found.flatMap(\.claims).map { json($0.value) }]
        case "draft":
            let draft = try await phone.drafts()[0]
            return ["code": draft.code, "detail": draft.detail, "state": "\(draft.state)".capitalizedFirst]
        case "history":
            return ["values": try await phone.history(try record(step)).filter { $0.field == word(step, "field") }.map { json($0.new) }]
        case "likely":
            let likely = try await phone.likelyDuplicates(of: try record(step))
            return ["titles": likely.map(\.record.title), "reasons": likely.flatMap(\.reasons).map(\.zh)]
        case "together":
            let found = try await phone.together(try record(step))
            return ["survivor": found.survivor.map { $0.title as Any } ?? NSNull(), "behind": found.behind.map(\.title)]
        case "explain": return ["presence": "\(try await phone.explain(try record(step)))".caseName]
        case "estimate":
            let (whose, kinds, days) = try subscription(step)
            let found = try await phone.estimate(whose, kinds: kinds, days: days)
            return ["records": found.records, "files": found.files]
        case "subscribe":
            let (whose, kinds, days) = try subscription(step)
            return ["changed": try await phone.subscribe(whose, kinds: kinds, days: days)]
        case "unsubscribe":
            let (whose, kinds, days) = try subscription(step)
            return ["changed": try await phone.unsubscribe(whose, kinds: kinds, days: days)]
        case "subscriptions": return ["count": try await phone.subscriptions().count]
        case "status":
            let status = try await phone.statusNow()
            return ["phase": "\(status.phase)".caseName, "waiting": status.waiting, "drafts": status.drafts]
        case "list":
            let filters = (step["filter"] as? [Step] ?? []).map { Where.condition(word($0, "type"), word($0, "attribute"), value($0["value"])) }
            let (kind, order) = (word(step, "kind"), step["order_by"] as? String)
            let page = if let filter = filters.first { try await phone.list(kind, orderBy: order, where: filter) } else { try await phone.list(kind, orderBy: order) }
            return ["titles": page.rows.map(\.title)]
        case "totals":
            let filters = (step["filter"] as? [Step] ?? []).map { Where.condition(word($0, "type"), word($0, "attribute"), value($0["value"])) }
            let (kind, by, sum) = (word(step, "kind"), step["by"] as? String, word(step, "sum"))
            let found =
                if let filter = filters.first { try await phone.totals(kind, by: by, sums: [sum], where: filter) } else {
                    try await phone.totals(kind, by: by, sums: [sum])
                }
            return ["groups": found.groups.map { told($0, sum) }, "all": told(found.all, sum)]
        case "search":
            let found = try await phone.search(word(step, "text"))
            return ["titles": found.map(\.record.title), "hits": found.flatMap { $0.title.filter(\.hit).map(\.text) }]
        case "attachment":
            let found = try await phone.attachment(try record(step))
            return ["name": found.name, "size": found.size, "state": "\(found.state)".caseName]
        case "thumbnail":
            let bytes = try #require(try await phone.thumbnail(try record(step)))
            #expect(bytes == picture(step["size"] as? Int ?? 0))
            return ["size": bytes.count]
        case "content":
            var bytes = Data()
            for try await piece in phone.pieces(of: try record(step)) { bytes += piece }
            #expect(bytes == picture(step["size"] as? Int ?? 0))
            return ["size": bytes.count]
        case let other:
            Issue.record("unknown step \(other)")
            return [:]
        }
    }
}

/// A group in a line: what it is called, how many records, what a field adds up to.
private func told(_ group: TotalsGroup, _ field: String) -> String {
    let sums = (group.sums[field]?.byCurrency ?? []).map { "\($0.sum) \($0.currency ?? "")" }
    return ([group.title ?? group.key ?? "-", "\(group.count)"] + sums).joined(separator: " ")
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }

    /// `stopped(reason: …)` as `Stopped`.
    fileprivate var caseName: String { String(prefix { $0 != "(" }).components(separatedBy: ".").last!.capitalizedFirst }
}
