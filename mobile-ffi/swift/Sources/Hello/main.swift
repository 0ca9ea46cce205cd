import Foundation
import Rapport

/// For a program without a screen only: an app has `KeychainSecretStore`.
final class Secrets: SecretStore, @unchecked Sendable {
    private let turn = NSLock()
    private var kept: [String: Data] = [:]

    func get(name: String) throws -> Data? { turn.withLock { kept[name] } }
    func put(name: String, value: Data) throws { turn.withLock { kept[name] = value } }
    func remove(name: String) throws { turn.withLock { kept[name] = nil } }
}

/// Hello, field sales: a customer made without a network, found by pinyin, synced, watched.
func hello(server: URL, code: String, folder: URL) async throws {
    let rapport = try await Rapport.open(server: server, folder: folder, app: "hello 1", secrets: Secrets())
    try await rapport.enrol(code: code, deviceName: "hello")
    try await rapport.sync()

    _ = try await rapport.transaction { tx in
        try tx.create(PartyEdits.self) {
            $0.name("佳美办公")
            $0.addToTags("vip")
            $0.notes(at: 0, delete: 0, insert: "Call back in May")
        }
    }
    print("found by pinyin:", try await rapport.search("jiamei", kind: "party").map(\.record.title))

    do { try await rapport.sync() } catch ClientError.Offline { print("no network: it is kept, and sent later") }
    print("waiting:", try await rapport.statusNow().waiting)

    for try await customers in rapport.watch(Party.self, orderBy: "name") {
        print("customers:", customers.count)
        break
    }
    try await rapport.signOut()
}

let arguments = CommandLine.arguments
try await hello(server: URL(string: arguments[1])!, code: arguments[2], folder: URL(fileURLWithPath: arguments[3]))
