// Writes until it is killed: what a test of killed processes starts. `Writer FOLDER KEYS`, keys as JSON of base 64.
import Foundation
import Rapport

final class Given: SecretStore, @unchecked Sendable {
    let kept: [String: Data]

    init(_ kept: [String: Data]) { self.kept = kept }

    func get(name: String) throws -> Data? { kept[name] }
    func put(name: String, value: Data) throws {}
    func remove(name: String) throws {}
}

let keys = try JSONDecoder().decode([String: Data].self, from: Data(CommandLine.arguments[2].utf8))
let rapport = try await Rapport.open(
    server: URL(string: "http://127.0.0.1:9")!, folder: URL(fileURLWithPath: CommandLine.arguments[1]), app: "writer", secrets: Given(keys))
for number in 0... {
    try await rapport.transaction { tx in
        let customer = try tx.create("party") { $0.set("name", "customer \(number)") }
        _ = try tx.create("deal") {
            $0.set("title", "deal \(number)")
            $0.set("party", customer)
        }
    }
    FileHandle.standardOutput.write(Data("\(number)\n".utf8))
}
