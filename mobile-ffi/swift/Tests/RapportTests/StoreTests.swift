import Foundation
import Rapport
import RapportTestKit
import Testing

private let nowhere = URL(string: "http://127.0.0.1:9")!
private let key = "rapport.store-key"

/// Throws what a test wants from the first call on.
private final class Bad: SecretStore {
    let error: any Error

    init(error: any Error) { self.error = error }

    func get(name: String) throws -> Data? { throw error }
    func put(name: String, value: Data) throws {}
    func remove(name: String) throws {}
}

private struct BugInTheApp: Error {}

@Suite struct StoreTests {
    private let folder = Folder()
    private let secrets = MemorySecrets()

    private func opened(_ server: URL = nowhere, _ secrets: (any SecretStore)? = nil) async throws -> Rapport {
        try await Rapport.open(server: server, folder: folder.store, app: "swift 1", secrets: secrets ?? self.secrets)
    }

    private func enrolled(_ kit: TestKit) async throws -> Rapport {
        if (try? kit.code("ann")) == nil { try kit.person("ann") }
        let ann = try await opened(try kit.url)
        try await ann.enrol(code: try kit.code("ann"), deviceName: "phone")
        return ann
    }

    private func files() -> [URL] {
        let all = FileManager.default.enumerator(at: folder.url, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        return all.filter { !$0.hasDirectoryPath }
    }

    @Test func aCustomersNameAndPhotoAreFoundInNoFile() async throws {
        let kit = try TestKit()
        let ann = try await enrolled(kit)
        let customer = try await ann.customer("Canary 佳美办公")
        let photo = Data("Canary in a photo, again and again. ".utf8)
        let file = try await ann.attach(photo, to: customer, name: "signature.bin", mediaType: "application/octet-stream")
        try await quiesce(ann)
        for _ in 0..<2 {
            let found = files()
            #expect(found.count >= 2)
            for path in found {
                let held = try Data(contentsOf: path)
                #expect(held.range(of: Data("Canary".utf8)) == nil, "\(path)")
                #expect(!held.starts(with: Data("SQLite format 3".utf8)), "\(path)")
            }
            try await ann.close()
        }
        let again = try await opened()
        #expect(try await again.get(customer)?.title == "Canary 佳美办公")
        #expect(try await again.attachment(file).state == .here)
        try await again.close()
    }

    @Test func aWrongOrLostKeyLeadsToACleanStart() async throws {
        let kit = try TestKit()
        let ann = try await enrolled(kit)
        let customer = try await ann.customer()
        try await quiesce(ann)
        await #expect { try await opened() } throws: { caseOf($0) == "InUse" }
        try await ann.close()
        secrets[key] = Data(count: 32)
        await #expect { try await opened() } throws: { caseOf($0) == "KeyDoesNotMatch" }
        secrets[key] = nil
        await #expect { try await opened() } throws: { caseOf($0) == "KeyLost" }
        #expect(try await Rapport.setAside(folder: folder.store) == "rapport.db.aside-1")
        let again = try await enrolled(kit)
        try await quiesce(again)
        #expect(try await again.get(customer)?.title == "佳美")
        _ = try await again.customer()
        await #expect { try await again.signOut() } throws: { caseOf($0) == "Unsent" }
        try await again.signOut(loseUnsent: true)
        #expect(secrets[key] == nil)
        #expect(files().allSatisfy { $0.lastPathComponent.contains("aside") })
    }

    @Test func aSecretStoreThatThrowsIsAnErrorOfTheCall() async throws {
        for (error, expected) in [
            (SecretError.Locked as any Error, "KeyLocked"), (SecretError.Invalidated, "KeyLost"), (BugInTheApp(), "KeyUnavailable"),
        ] {
            await #expect { try await opened(nowhere, Bad(error: error)) } throws: { caseOf($0) == expected }
        }
        let fresh = try await opened()
        #expect(try await fresh.session() == nil)
        try await fresh.close()
    }

    @Test func aProcessKilledInTheMiddleOfTransactionsLosesNoneAndLeavesNoHalf() async throws {
        let kit = try TestKit()
        let ann = try await enrolled(kit)
        try await ann.close()
        let writer = Process()
        let said = Pipe()
        writer.executableURL = Bundle.main.executableURL!.deletingLastPathComponent().appendingPathComponent("Writer")
        let given = ["rapport.store-key", "rapport.installation"].reduce(into: [String: Data]()) { $0[$1] = secrets[$1] }
        writer.arguments = [folder.store.path, String(decoding: try JSONEncoder().encode(given), as: UTF8.self)]
        writer.standardOutput = said
        try writer.run()
        var lines = ""
        while lines.filter({ $0 == "\n" }).count < 5 {
            let more = said.fileHandleForReading.availableData
            try #require(!more.isEmpty, "the writer has ended by itself")
            lines += String(decoding: more, as: UTF8.self)
        }
        kill(writer.processIdentifier, SIGKILL)
        lines += String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        writer.waitUntilExit()
        let acknowledged = UInt64(lines.split(separator: "\n").count)
        let again = try await opened(try kit.url)
        let (parties, deals) = (try await again.list("party", limit: 1).total, try await again.list("deal", limit: 1).total)
        #expect(parties == deals && parties >= acknowledged && acknowledged >= 5)
        try await quiesce(again)
        #expect(try await again.statusNow().waiting == 0)
        try await again.close()
    }

    /// `RAPPORT_TINY_DISK` names a folder on a disk of a few megabytes, which .ci/mobile makes where it may.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["RAPPORT_TINY_DISK"] != nil))
    func aFullDiskIsAnErrorAndWhatWasKeptStays() async throws {
        let disk = URL(fileURLWithPath: ProcessInfo.processInfo.environment["RAPPORT_TINY_DISK"]!).appendingPathComponent("swift")
        try? FileManager.default.removeItem(at: disk)
        defer { try? FileManager.default.removeItem(at: disk) }
        let kit = try TestKit()
        try kit.person("ann")
        let ann = try await Rapport.open(server: try kit.url, folder: disk, app: "swift 1", secrets: secrets)
        try await ann.enrol(code: try kit.code("ann"), deviceName: "phone")
        let customer = try await ann.customer()
        await #expect {
            _ = try await ann.attach(try folder.keep("large", Data(count: 64 << 20)), to: customer, mediaType: "x/y")
        } throws: { caseOf($0) == "StorageFull" }
        try await ann.edit(customer) { $0.set("name", "after") }
        try await quiesce(ann)
        #expect(try await ann.get(customer)?.title == "after")
        #expect(try await ann.attachments(of: customer).isEmpty)
        try await ann.close()
    }
}
