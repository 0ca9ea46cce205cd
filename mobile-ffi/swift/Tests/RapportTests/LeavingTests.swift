import Foundation
import Rapport
import RapportTestKit
import Testing

private let day = 86_400
private let key = "rapport.store-key"

/// Notes whether a file was there when the key went.
private final class Watching: SecretStore, @unchecked Sendable {
    let kept = MemorySecrets()
    let file: URL
    private let turn = NSLock()
    private var seen: Bool?

    init(_ file: URL) { self.file = file }

    var fileWasThere: Bool? { turn.withLock { seen } }

    func get(name: String) throws -> Data? { try kept.get(name: name) }
    func put(name: String, value: Data) throws { try kept.put(name: name, value: value) }
    func remove(name: String) throws {
        if name == key { turn.withLock { seen = FileManager.default.fileExists(atPath: file.path) } }
        try kept.remove(name: name)
    }
}

/// What the back office decides about phones: locked after too long alone, let in by fingerprint, sent away.
@Suite struct LeavingTests {
    private let folder = Folder()

    @Test func aPhoneTooLongWithoutContactLocksAndUnlocksWithEverythingAtTheNext() async throws {
        let kit = try TestKit()
        let (ann, bo) = (try await kit.phone("ann"), try await kit.phone("bo"))
        try kit.terms(leaseDays: 7)
        let customer = try await ann.customer()
        try await quiesce(ann, bo)
        try kit.cut()
        try await forward(ann, seconds: 6 * day)
        try await ann.edit(customer) { $0.set("industry", "print") }
        try await forward(ann, seconds: 2 * day)
        for _ in 0..<2 {
            await #expect { try await ann.get(customer) } throws: { caseOf($0) == "Locked" }
            await #expect { try await ann.list("party") } throws: { caseOf($0) == "Locked" }
            await #expect { try await ann.search("jiamei") } throws: { caseOf($0) == "Locked" }
            await #expect { try await ann.customer("written while locked") } throws: { caseOf($0) == "Locked" }
            await #expect { try await ann.sync() } throws: { caseOf($0) == "Offline" }
        }
        await #expect { try await ann.signOut() } throws: { caseOf($0) == "Unsent" }
        #expect(try await ann.statusNow().waiting == 1)
        try kit.forward(seconds: 8 * day)
        try kit.mend()
        try await quiesce(ann, bo)
        #expect(try await ann.get(customer)?.title == "佳美")
        #expect(try await bo.get(customer)?["industry"]?.text == "print")
        #expect(try await bo.list("party").total == 1)
    }

    @Test func aPhoneThatWaitsShowsItsFingerprintAndSyncsOnceItWasCompared() async throws {
        let kit = try TestKit()
        try kit.person("ann")
        try kit.terms(confirm: true)
        let ann = try await Rapport.openInMemory(server: try kit.url, app: "swift 1")
        #expect(try await ann.fingerprint() == nil)
        try await ann.enrol(code: try kit.code("ann"), deviceName: "phone")
        let shown = try await ann.fingerprint() ?? ""
        #expect(shown.filter(\.isNumber).count == 8)
        let customer = try await ann.customer()
        await #expect { try await ann.sync() } throws: { caseOf($0) == "Server" && String(describing: $0).contains("not_confirmed") }
        #expect { try kit.confirm("0000 0000") } throws: { $0 is TestKit.Failed }
        try kit.confirm(shown)
        try await quiesce(ann)
        #expect(try await ann.get(customer)?.title == "佳美")
        #expect(try await ann.statusNow().waiting == 0)
    }

    @Test func aLostPhoneDestroysItsKeyFirstSaysSoAndStartsClean() async throws {
        let kit = try TestKit()
        let secrets = Watching(folder.store.appendingPathComponent("rapport.db"))
        func opened() async throws -> Rapport {
            try await Rapport.open(server: try kit.url, folder: folder.store, app: "swift 1", secrets: secrets)
        }
        try kit.person("ann")
        let ann = try await opened()
        try await ann.enrol(code: try kit.code("ann"), deviceName: "phone")
        _ = try await ann.customer()
        try await quiesce(ann)
        _ = try await ann.customer("not sent")
        let before = secrets.kept[key]
        try kit.sendAway("ann")
        await #expect { try await ann.sync() } throws: { caseOf($0) == "Stopped" && String(describing: $0).contains("wiped") }
        #expect(secrets.fileWasThere == true && secrets.kept[key] == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.store.path).isEmpty)
        let receipt = try kit.receipts("ann").first { $0.removal == "wiped" }
        #expect(receipt?.unsent == 1)
        await #expect { try await ann.statusNow() } throws: { caseOf($0) == "Closed" }
        let again = try await opened()
        #expect(try await again.session() == nil)
        #expect(secrets.kept[key] != nil && secrets.kept[key] != before)
        try await again.enrol(code: try kit.code("ann"), deviceName: "phone")
        try await quiesce(again)
        #expect(try await again.list("party").rows.map(\.title) == ["佳美"])
        try await again.close()
    }
}
