import Foundation
import Rapport
import RapportTestKit
import Testing

@Suite struct SurfaceTests {
    @Test func aPhoneEditsOfflineByTheNamesOfItsKinds() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        let (customer, deal) = try await ann.transaction { tx in
            let customer = try tx.create(PartyEdits.self) {
                $0.name("佳美")
                $0.addToTags("vip")
                $0.setInPhones(row: "r1", ["label": "Office", "value": "+86 10 1"])
            }
            let deal = try tx.create(DealEdits.self) {
                $0.title("Paper")
                $0.party(customer.record)
                $0.amount(Money(1_250_000, "CNY"))
            }
            return (customer, deal)
        }
        let party = try #require(try await ann.get(customer, as: Party.self))
        #expect(party.name == "佳美" && party.tags == ["vip"] && party.phones[0]["label"]?.text == "Office")
        #expect(try await ann.get(deal, as: Deal.self)?.amount == Money(1_250_000, "CNY"))
        #expect(try await ann.linksTo(customer.record).map(\.id) == [deal.record])
        #expect(party.record.state == .waiting && abs(party.record.createdAt.timeIntervalSinceNow) < 300)
        #expect(try await ann.sync(bytes: 0) == .outOfBudget(waiting: 2, files: 0))
        #expect(try await ann.sync() == .done)
        #expect(try await ann.session()?.role == "rep")
    }

    @Test func aTransactionIsKeptAsAWholeOrNotAtAll() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        let customer = try await ann.customer()
        await #expect(throws: ClientError.self) {
            try await ann.transaction { tx in
                tx.edit(customer) { $0.set("industry", "print") }
                _ = try tx.create("party") { $0.set("no_such", "x") }
            }
        }
        #expect(try await ann.get(customer)?["industry"] == nil)
        #expect(try await ann.list("party").total == 1)
    }

    @Test func aWatchedListFollowsAndEndsWithItsReader() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        _ = try await ann.customer("Zeta")
        var seen: [[String]] = []
        for try await rows in ann.watch("party", orderBy: "name") {
            seen.append(rows.map(\.title))
            if seen.count == 3 { break }
            _ = try await ann.customer("Alpha \(seen.count)")
        }
        #expect(seen == [["Zeta"], ["Alpha 1", "Zeta"], ["Alpha 1", "Alpha 2", "Zeta"]])
        #expect(try await ann.list("party", where: .contains("name", "alpha")).total == 2)
    }

    @Test func aCancelledTaskStopsTheWorkAndFreesTheClient() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        let waiting = Task { try await ann.waitCurrent() }
        let watching = Task { for try await _ in ann.watch("party") {} }
        _ = try await ann.customer()
        waiting.cancel()
        watching.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        await #expect(throws: CancellationError.self) { try await watching.value }
        try await ann.sync()
        #expect(try await ann.statusNow().waiting == 0)
        let late = Task {
            try await Task.sleep(for: .seconds(60))
            try await ann.sync()
        }
        late.cancel()
        await #expect(throws: CancellationError.self) { try await late.value }
    }

    @Test func closingEndsSequencesAndCallsSaySo() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        let (reading, began) = AsyncStream<Void>.makeStream()
        let watching = Task {
            for try await _ in ann.watch("party") { began.yield() }
        }
        for await _ in reading { break }
        try await ann.close()
        try await ann.close()
        try await watching.value
        await #expect { try await ann.statusNow() } throws: { caseOf($0) == "Closed" }
        await #expect { try await ann.sync() } throws: { caseOf($0) == "Closed" }
    }

    @Test func aRefusedEditIsAmendedADisagreementDecidedAMistakeTakenBack() async throws {
        let kit = try TestKit()
        let (ann, bo) = try await kit.pair("ann")
        let customer = try await ann.customer()
        try await quiesce(ann, bo)
        try kit.rejectNext("ann", detail: "not this one")
        try await ann.edit(customer) { $0.set("industry", "print") }
        try await quiesce(ann)
        let draft = try await ann.drafts()[0]
        #expect(draft.detail == "not this one")
        try await ann.retry(draft) { $0.set("industry", "paper") }
        try await ann.edit(customer) { $0.set("name", "A") }
        try await bo.edit(customer) { $0.set("name", "B") }
        try await quiesce(ann, bo)
        let conflict = try await ann.conflicts()[0]
        let mine = conflict.claims.first { $0.mine }
        try await ann.resolve(conflict, try #require(mine).value)
        try await quiesce(ann, bo)
        #expect(try await bo.get(customer)?.title == "A")
        try await ann.edit(customer) { $0.set("name", "mistake") }
        try await ann.undo()
        #expect(try await ann.get(customer)?.title == "A")
        let first = try #require(try await ann.history(customer).first { $0.field == "name" })
        #expect(try await ann.record(customer, at: first.version)["name"]?.text == "佳美")
    }

    @Test func connectedTheStatusSaysHowFarItIsUntilTheDeviceIsShutOut() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        try await ann.connect()
        try await ann.waitCurrent()
        let customer = try await ann.customer()
        let file = try await ann.attach(picture(3_000), to: customer, name: "signature.jpg", mediaType: "image/jpeg")
        try await ann.waitCurrent()
        #expect(try await ann.attachment(file).state == .here)
        try kit.revokeDevices("ann")
        for try await status in ann.status {
            if case .stopped(let reason) = status.phase {
                #expect(reason == .revoked)
                break
            }
        }
        await #expect { try await ann.sync() } throws: { caseOf($0) == "Stopped" }
    }

    @Test func aServerThatIsGoneIsAnErrorAndNothingIsLost() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        let customer = try await ann.customer()
        kit.stop()
        await #expect { try await ann.sync() } throws: { caseOf($0) == "Offline" }
        #expect(try await ann.get(customer)?.title == "佳美")
        #expect(try await ann.doctor().filter { !$0.good }.map(\.name) == [.server])
    }

    @Test func explanationsAlarmsAndChecks() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        let customer = try await ann.customer("Canary 佳美")
        #expect(try await ann.explain(customer) == .here(because: .made, waiting: true, archived: false))
        let party = try #require(try await ann.rights().first { $0.kind == "party" })
        #expect(party.see == .all && party.archive == .own && party.locked == ["is_key", "account_manager"])
        #expect(party.hidden.map(\.zh) == ["商务", "个人隐私"])
        #expect(try await ann.upcomingAlarms().isEmpty)
        #expect(try await !ann.diagnostics().contains("Canary"))
        #expect(try await ann.kinds().contains { $0.name == "party" && $0.label.zh == "客户" })
        await #expect { try await ann.get(RecordID("no id")) } throws: { caseOf($0) == "BadArgument" }
        await #expect { try await ann.crashTest() } throws: { caseOf($0) == "Internal" }
        #expect(try await ann.get(customer)?.title == "Canary 佳美")
    }

    @Test func tenThousandCallsLeakNothing() async throws {
        let kit = try TestKit()
        let ann = try await kit.phone("ann")
        let customer = try await ann.customer()
        func kilobytes(after calls: Int) async throws -> Int {
            for _ in 0..<calls { _ = try await ann.get(customer) }
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
            return Int(line.filter(\.isNumber)) ?? 0
        }
        let before = try await kilobytes(after: 3_000)
        let after = try await kilobytes(after: 10_000)
        // Other tests of this process run meanwhile: a leak of one record a call would be 40 MB.
        #expect(after - before < 24 * 1024, "\(after - before) KiB more after 10,000 calls")
    }
}
