import Foundation
import RapportTestKit
import Testing

/// The README's program, as it stands there, against a server.
@Suite struct HelloTests {
    @Test func theHelloOfTheReadmeRuns() async throws {
        let kit = try TestKit()
        try kit.person("ann")
        let folder = Folder()
        let hello = Process()
        let said = Pipe()
        hello.executableURL = Bundle.main.executableURL!.deletingLastPathComponent().appendingPathComponent("Hello")
        hello.arguments = [try kit.url.absoluteString, try kit.code("ann"), folder.store.path]
        hello.standardOutput = said
        try hello.run()
        let lines = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(separator: "\n")
        hello.waitUntilExit()
        #expect(hello.terminationStatus == 0)
        #expect(lines == ["found by pinyin: [\"佳美办公\"]", "waiting: 0", "customers: 1"])
    }
}
