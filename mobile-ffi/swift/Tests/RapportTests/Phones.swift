import Foundation
import Rapport
import RapportTestKit

extension Rapport {
    func customer(_ name: String = "佳美") async throws -> RecordID { try await create("party") { $0.set("name", name) } }
}

/// A folder of a test's own, gone with it.
final class Folder: Sendable {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    init() { try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: url) }

    var store: URL { url.appendingPathComponent("store") }

    func keep(_ name: String, _ bytes: Data) throws -> URL {
        let path = url.appendingPathComponent(name)
        try bytes.write(to: path)
        return path
    }
}

/// A picture of a size, as far as its first bytes go.
func picture(_ size: Int) -> Data {
    Data((0..<size).map { at in at < 3 ? [0xff, 0xd8, 0xff][at] : UInt8(at % 251) })
}

/// How an error's case is called: `Offline`.
func caseOf(_ error: any Error) -> String {
    String(describing: error).prefix { $0 != "(" }.split(separator: ".").last.map(String.init) ?? ""
}
