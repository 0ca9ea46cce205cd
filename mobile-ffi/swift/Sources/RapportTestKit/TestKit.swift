import Foundation
import Rapport

/// The real server in an app's tests: its people, its clock and its network in the test's hands.
///
/// `RAPPORT_TESTKIT` says where its program is. It ends with the kit.
public final class TestKit: @unchecked Sendable {
    /// What the testkit answers when a call does not work.
    public struct Failed: Error { public let detail: String }

    private let server = Process()
    private let calls = Pipe()
    private let answers = Pipe()
    /// One call at a time: its answer is the next line.
    private let turn = NSLock()
    private var read = Data()

    public init(program: String? = nil) throws {
        let program = program ?? ProcessInfo.processInfo.environment["RAPPORT_TESTKIT"] ?? "rapport-testkit"
        server.executableURL = URL(fileURLWithPath: program)
        server.standardInput = calls
        server.standardOutput = answers
        try server.run()
    }

    deinit { stop() }

    /// Ends the server, as a power cut does.
    public func stop() {
        guard server.isRunning else { return }
        kill(server.processIdentifier, SIGKILL)
        server.waitUntilExit()
    }

    /// Where phones find it.
    public var url: URL {
        get throws { URL(string: try call("url") as? String ?? "")! }
    }

    /// Adds a person. Answers with the id of their record.
    @discardableResult
    public func person(_ login: String, role: String = "rep") throws -> RecordID {
        RecordID(try call("person", ["login": login, "role": role]) as? String ?? "")
    }

    /// A one-time code that makes a phone somebody's.
    public func code(_ login: String) throws -> String { try call("code", ["login": login]) as? String ?? "" }

    /// A phone of somebody's, in memory, enrolled and up to date; the person is added as a rep if new.
    public func phone(_ login: String) async throws -> Rapport {
        if (try? code(login)) == nil { try person(login) }
        let phone = try await Rapport.openInMemory(server: try url, app: "testkit")
        try await phone.enrol(code: try code(login), deviceName: "phone of \(login)")
        try await quiesce(phone)
        return phone
    }

    /// Two phones of one person.
    public func pair(_ login: String) async throws -> (Rapport, Rapport) { (try await phone(login), try await phone(login)) }

    /// Edits a record in the console, as somebody; edits as in `docs/api.md`.
    public func edit(as login: String, _ kind: String, _ record: RecordID, _ edits: [Any]) throws {
        _ = try call("edit_as", ["login": login, "kind": kind, "record": record.value, "edits": edits])
    }

    /// Makes a record in the console, as somebody. Answers with its id.
    public func create(as login: String, _ kind: String, _ edits: [Any]) throws -> RecordID {
        RecordID(try call("create_as", ["login": login, "kind": kind, "edits": edits]) as? String ?? "")
    }

    /// The next edit that arrives from a phone of somebody's is refused.
    public func rejectNext(_ login: String, code: String = "forbidden", detail: String = "refused by the test") throws {
        _ = try call("reject_next", ["login": login, "code": code, "detail": detail])
    }

    /// Shuts all phones of somebody out.
    public func revokeDevices(_ login: String) throws { _ = try call("revoke_devices", ["login": login]) }

    /// Sets the server's clock forward; phones follow it when they next sync.
    public func forward(seconds: Int) throws { _ = try call("forward", ["ms": seconds * 1000]) }

    /// Has all phones of somebody forget everything at their next word; with `hand_back` they deliver first.
    public func sendAway(_ login: String, act: String = "lost") throws { _ = try call("send_away", ["login": login, "act": act]) }

    /// What somebody's phones said that they have removed, newest first.
    public func receipts(_ login: String) throws -> [Removed] {
        (try call("receipts", ["login": login]) as? [[String: Any]] ?? []).map {
            Removed(removal: $0["removal"] as? String ?? "", records: $0["records"] as? Int ?? 0, unsent: $0["unsent"] as? Int ?? 0)
        }
    }

    /// Days without contact after which phones lock (0: never), and whether new ones wait for `confirm`.
    public func terms(leaseDays: Int = 0, confirm: Bool = false) throws {
        _ = try call("terms", ["lease_days": leaseDays, "confirm": confirm])
    }

    /// Lets the phone in that waits and shows this fingerprint, as an administrator does who has compared it.
    public func confirm(_ fingerprint: String) throws { _ = try call("confirm", ["fingerprint": fingerprint]) }

    /// Cuts the network.
    public func cut() throws { _ = try call("cut") }

    /// Mends it.
    public func mend() throws { _ = try call("mend") }

    private func call(_ name: String, _ arguments: [String: Any] = [:]) throws -> Any {
        turn.lock()
        defer { turn.unlock() }
        let line = try JSONSerialization.data(withJSONObject: arguments.merging(["do": name]) { $1 })
        try calls.fileHandleForWriting.write(contentsOf: line + Data("\n".utf8))
        while !read.contains(UInt8(ascii: "\n")) {
            let more = answers.fileHandleForReading.availableData
            if more.isEmpty { throw Failed(detail: "the testkit has ended") }
            read.append(more)
        }
        let end = read.firstIndex(of: UInt8(ascii: "\n"))!
        let answer = try JSONSerialization.jsonObject(with: read[..<end]) as? [String: Any] ?? [:]
        read = Data(read[read.index(after: end)...])
        if let error = answer["error"] as? String { throw Failed(detail: error) }
        return answer["ok"] ?? NSNull()
    }
}

/// A receipt: what a phone has removed (`left`, `purged`, `wiped`), how many records, how many edits unsent.
public struct Removed: Sendable, Equatable {
    public let removal: String
    public let records: Int
    public let unsent: Int
}

/// Sets the clock of a phone in memory forward, as time without contact does; the server's has its own.
public func forward(_ phone: Rapport, seconds: Int) async throws { try await phone.forwardClock(by: TimeInterval(seconds)) }

private let quietAfter = 100

/// Syncs phones until nobody has anything left to say: all edits are everywhere, or drafts.
public func quiesce(_ phones: Rapport...) async throws {
    for _ in 0..<quietAfter {
        var waiting: UInt64 = 0
        for phone in phones {
            try await phone.sync()
            waiting += try await phone.statusNow().waiting
        }
        if waiting == 0 {
            // Once more: what the last one sent is for the first ones.
            for phone in phones { try await phone.sync() }
            return
        }
    }
    throw TestKit.Failed(detail: "the phones still have something to say after \(quietAfter) exchanges")
}

/// Keeps secrets in memory, as a phone's key store does: for tests only.
public final class MemorySecrets: SecretStore, @unchecked Sendable {
    private let turn = NSLock()
    private var kept: [String: Data] = [:]

    public init() {}

    public subscript(name: String) -> Data? {
        get { turn.withLock { kept[name] } }
        set { turn.withLock { kept[name] = newValue } }
    }

    public func get(name: String) throws -> Data? { self[name] }
    public func put(name: String, value: Data) throws { self[name] = value }
    public func remove(name: String) throws { self[name] = nil }
}
