import Foundation
@_exported import RapportFFI

/// A device with its records. One for each app; share it.
///
/// Every call may be made from any actor: the work is done on threads of our own.
public final class Rapport: Sendable {
    private let client: Client

    init(_ client: Client) { self.client = client }

    /// Opens the app's encrypted store, or makes an empty one; no network is needed.
    public static func open(
        server: URL, folder: URL, app: String, secrets: any SecretStore, rootCertificate: Data? = nil, cacheBytes: UInt64 = 256 << 20
    ) async throws -> Rapport {
        let settings = settingsOf(server, folder.path, app, rootCertificate, cacheBytes)
        return Rapport(try await Client.open(settings: settings, secrets: secrets))
    }

    /// A store in memory: for previews and tests.
    public static func openInMemory(server: URL, app: String) async throws -> Rapport {
        Rapport(try await Client.openInMemory(settings: settingsOf(server, "", app, nil, 64 << 20)))
    }

    /// Sets a store aside that cannot be opened, so that a new one can be in its place.
    public static func setAside(folder: URL) async throws -> String? { try await setStoreAside(folder: folder.path) }

    private static func settingsOf(_ server: URL, _ folder: String, _ app: String, _ root: Data?, _ cacheBytes: UInt64) -> RapportFFI.Settings {
        let offset = Int32(TimeZone.current.secondsFromGMT() / 60)
        return RapportFFI.Settings(
            server: server.absoluteString, folder: folder, app: app, rootCertificate: root, utcOffsetMinutes: offset, cacheBytes: cacheBytes)
    }

    /// Redeems the one-time code that the back office shows: from then on the device is its user's.
    @discardableResult
    public func enrol(code: String, deviceName: String) async throws -> Session {
        try await cancellable { [client] in try await client.enrol(code: code, deviceName: deviceName, cancel: $0) }
    }

    /// Whose device this is; `nil` before it is enrolled.
    public func session() async throws -> Session? { try await client.session() }

    /// Eight digits that an administrator compares before a new device is let in, where the workspace asks for that: until
    /// then a sync fails with `Server` 403 `not_confirmed`. `nil` before it is enrolled.
    public func fingerprint() async throws -> String? { try await client.fingerprint() }

    /// For the testkit, of a phone in memory.
    package func forwardClock(by: TimeInterval) async throws { try await client.forwardClock(by: by) }

    // MARK: Reading

    /// A record; `nil` when it is not on this device: `explain` says why not.
    public func get(_ record: RecordID) async throws -> Record? { try await client.get(id: record) }

    /// A record by the names of its kind: `try await rapport.get(id, as: Party.self)`.
    public func get<Of: RecordOfKind>(_ id: Of.ID, as _: Of.Type) async throws -> Of? { try await get(id.record).map(Of.init) }

    /// Records, in the order asked for; those that are not here are left out.
    public func get(_ records: [RecordID]) async throws -> [Record] { try await client.getMany(ids: records) }

    /// Records that link to a record.
    public func linksTo(_ record: RecordID) async throws -> [Record] { try await client.linksTo(id: record) }

    /// One page of a list.
    public func list(
        _ kind: String, orderBy: String? = nil, descending: Bool = false, limit: UInt32 = 50, after: String? = nil, where conditions: Where...
    ) async throws -> Page {
        try await client.list(query: query(kind, orderBy, descending, limit, after, conditions))
    }

    /// Counts and sums of the records of a list, all together or by the value of an attribute: `stage`, `party`, `createdAt`.
    public func totals(
        _ kind: String, by: String? = nil, sums: [String] = [], step: TimeStep? = nil, where conditions: Where...
    ) async throws -> Totals {
        try await client.totals(query: TotalsQuery(kind: kind, filter: Where.all(conditions), by: by, step: step, sums: sums))
    }

    /// The list, and again whenever it has changed.
    public func watch(
        _ kind: String, orderBy: String? = nil, descending: Bool = false, limit: UInt32 = 50, where conditions: Where...
    ) -> Live<[Record]> {
        watch(query(kind, orderBy, descending, limit, nil, conditions))
    }

    /// The list by the names of its kind.
    public func watch<Of: RecordOfKind>(
        _: Of.Type, orderBy: String? = nil, descending: Bool = false, limit: UInt32 = 50, where conditions: Where...
    ) -> AsyncMapSequence<Live<[Record]>, [Of]> {
        watch(query(Of.ID.kind, orderBy, descending, limit, nil, conditions)).map { $0.map(Of.init) }
    }

    private func watch(_ query: ListQuery) -> Live<[Record]> {
        Live { [client] in
            let (list, shown) = (try await client.watch(query: query), ShownList())
            return Source {
                guard let update = try await list.next() else { return nil }
                return await shown.after(update)
            } stop: {
                list.stop()
            }
        }
    }

    private func query(
        _ kind: String, _ orderBy: String?, _ descending: Bool, _ limit: UInt32, _ after: String?, _ conditions: [Where]
    ) -> ListQuery {
        ListQuery(kind: kind, filter: Where.all(conditions), orderBy: orderBy, descending: descending, limit: limit, after: after)
    }

    /// Records that a text finds, best first: Chinese by any part and by pinyin, words by their beginning.
    public func search(_ text: String, kind: String? = nil) async throws -> [Found] {
        try await cancellable { [client] in try await client.search(text: text, kind: kind, cancel: $0) }
    }

    // MARK: What follows from records

    /// The action needed next about each of some records; those about which nothing is planned are missing.
    public func nextSteps(_ records: [RecordID]) async throws -> [RecordID: NextStep] { try await client.nextSteps(records: records) }

    /// What shows of a record by those that link to it: a customer's favourite products, price band, channel, time of day.
    public func portrait(_ record: RecordID) async throws -> [PortraitLine] { try await client.portrait(id: record) }

    /// The lines of a quote, an order or a deal whose products are packages, with what is in them.
    public func packages(_ record: RecordID) async throws -> [Package] { try await client.packages(id: record) }

    /// A record as a vCard, for the phone's address book; `nil` for one of a kind that no address book has.
    public func card(_ record: RecordID) async throws -> String? { try await client.card(id: record) }

    /// How a number is dialled from anywhere (`+8613812345678`); `nil` where it does not say enough for that.
    public func dialled(_ number: String) async throws -> String? { try await client.dialled(number: number) }

    /// What is probably a slip in a record that is being made: call it while somebody types.
    public func doubts(in kind: String, _ edits: Edits) async throws -> [Doubt] { try await client.doubts(of: made(kind, edits)) }

    /// What is probably a slip in a record that is here, with these edits.
    public func doubts(of record: RecordID, _ edits: Edits = Edits()) async throws -> [Doubt] {
        try await client.doubts(of: edited(record, edits))
    }

    // MARK: Records that are the same

    /// The records on this device that one is likely the same as that is being made: call it while somebody types.
    public func likelyDuplicates(in kind: String, _ edits: Edits) async throws -> [LikelyDuplicate] {
        try await client.likelyDuplicates(of: made(kind, edits))
    }

    /// The records that one that is here is likely the same as, with these edits.
    public func likelyDuplicates(of record: RecordID, _ edits: Edits = Edits()) async throws -> [LikelyDuplicate] {
        try await client.likelyDuplicates(of: edited(record, edits))
    }

    /// Who stands for whom around a record.
    public func together(_ record: RecordID) async throws -> Together { try await client.together(id: record) }

    /// What can be chosen before a record is merged into another one: a page that shows both side by side.
    public func mergeChoices(_ record: RecordID, into other: RecordID) async throws -> [MergeChoice] {
        try await client.mergeChoices(record: record, into: other)
    }

    /// Makes a record one with another, which stands for both from then on. It keeps what it has and gets what it lacks, unless
    /// `keep` says otherwise of a field. `split` takes it back; so does `undo`, unless texts were joined.
    @discardableResult
    public func merge(_ record: RecordID, into other: RecordID, keep: [String: Keep] = [:]) async throws -> [Receipt] {
        try await client.merge(record: record, into: other, keep: keep)
    }

    /// Lets a record stand for itself again. What merging it gave to others goes back where nobody has changed it since.
    @discardableResult
    public func split(_ record: RecordID) async throws -> [Receipt] { try await client.split(record: record) }

    /// Remembers that two records are not the same: nobody is asked about them again.
    @discardableResult
    public func setApart(_ record: RecordID, from other: RecordID) async throws -> Receipt {
        try await client.setApart(record: record, other: other)
    }

    private func made(_ kind: String, _ edits: Edits) throws -> RecordEdit {
        RecordEdit(record: try newRecordId(), kind: kind, edits: edits.made, makes: true)
    }

    private func edited(_ record: RecordID, _ edits: Edits) -> RecordEdit {
        RecordEdit(record: record, kind: nil, edits: edits.made, makes: false)
    }

    // MARK: Writing

    /// Edits records, all or none of them: on the disk when this returns, sent when the server can be reached.
    public func transaction<T: Sendable>(isolation: isolated (any Actor)? = #isolation, _ work: (inout Transaction) throws -> T) async throws -> T {
        var transaction = Transaction()
        let answer = try work(&transaction)
        _ = try await client.transact(edits: transaction.made)
        return answer
    }

    /// Makes one record.
    public func create(
        isolation: isolated (any Actor)? = #isolation, _ kind: String, _ edits: (inout Edits) throws -> Void
    ) async throws -> RecordID {
        try await transaction { try $0.create(kind, edits) }
    }

    /// Edits one record.
    @discardableResult
    public func edit(
        isolation: isolated (any Actor)? = #isolation, _ record: RecordID, _ edits: (inout Edits) throws -> Void
    ) async throws -> Receipt {
        var transaction = Transaction()
        try transaction.edit(record, edits)
        return try await client.transact(edits: transaction.made)[0]
    }

    /// Takes back the last thing done on this device; again: the one before.
    @discardableResult
    public func undo() async throws -> [Receipt] { try await client.undo() }

    /// Does again what was taken back last.
    @discardableResult
    public func redo() async throws -> [Receipt] { try await client.redo() }

    /// How far `undo` and `redo` can go.
    public func steps() async throws -> Steps { try await client.steps() }

    /// Who changed what, when, from which value; oldest first.
    public func history(_ record: RecordID) async throws -> [Change] { try await client.history(id: record) }

    /// What a record's fields were just after a change.
    public func record(_ record: RecordID, at version: String) async throws -> [String: Value] {
        try await client.recordAt(id: record, version: version)
    }

    // MARK: What needs a decision

    /// What people disagree on.
    public func conflicts() async throws -> [Conflict] { try await client.conflicts() }

    /// Decides a disagreement, with one of the claims or another value.
    @discardableResult
    public func resolve(_ conflict: Conflict, _ value: any FieldValue) async throws -> Receipt {
        try await client.resolve(record: conflict.record, path: conflict.path, value: value.fieldValue)
    }

    /// Own edits that were not accepted, oldest first.
    public func drafts() async throws -> [Draft] { try await client.drafts() }

    /// Sends a draft again, as it was.
    @discardableResult
    public func retry(_ draft: Draft) async throws -> Receipt { try await client.retryDraft(id: draft.id, edits: nil) }

    /// Sends other edits in a draft's place.
    @discardableResult
    public func retry(
        isolation: isolated (any Actor)? = #isolation, _ draft: Draft, _ edits: (inout Edits) throws -> Void
    ) async throws -> Receipt {
        var made = Edits()
        try edits(&made)
        return try await client.retryDraft(id: draft.id, edits: made.made)
    }

    /// Gives a draft up.
    public func discard(_ draft: Draft) async throws { try await client.discardDraft(id: draft.id) }

    // MARK: Files

    /// Hangs a file on a record: copied into the sealed store and shown at once, sent later. `thumbnail` is a small
    /// picture of it (64 KiB), sent before the content. Answers with the file's own record.
    public func attach(_ file: URL, to record: RecordID, mediaType: String, name: String? = nil, thumbnail: Data? = nil) async throws -> RecordID {
        let new = NewAttachment(path: file.path, mediaType: mediaType, name: name, thumbnail: thumbnail)
        return try await client.attach(to: record, file: new)
    }

    /// As `attach`, for what never was a file: a signature.
    public func attach(_ bytes: Data, to record: RecordID, name: String, mediaType: String) async throws -> RecordID {
        try await client.attachBytes(to: record, name: name, mediaType: mediaType, bytes: bytes)
    }

    /// The files that hang on a record, oldest first.
    public func attachments(of record: RecordID) async throws -> [Attachment] { try await client.attachments(of: record) }

    /// One file, by its own record.
    public func attachment(_ file: RecordID) async throws -> Attachment { try await client.attachment(id: file) }

    /// The small picture of a file; `nil` when it has none, or none is here and there is no network.
    public func thumbnail(_ file: RecordID) async throws -> Data? { try await client.thumbnail(id: file) }

    /// Brings the bytes of a file to this device; goes on where an earlier attempt broke off.
    @discardableResult
    public func fetch(_ file: RecordID) async throws -> Attachment {
        try await cancellable { [client] in try await client.fetchAttachment(id: file, cancel: $0) }
    }

    /// The bytes of a file that is on this device, piece by piece: nothing of it is on the disk in plain.
    public func pieces(of file: RecordID) -> AsyncThrowingStream<Data, any Error> {
        let reading = Reading(client: client, file: file)
        return AsyncThrowingStream(unfolding: { try await reading.next() })
    }

    /// Writes a file that is on this device to a path, in plain: to share it. Whoever exports it removes it.
    public func export(_ file: RecordID, to path: URL) async throws { try await client.exportAttachment(id: file, to: path.path) }

    /// Tries again to send a file that the server did not take.
    public func retryAttachment(_ file: RecordID) async throws { try await client.retryAttachment(id: file) }

    /// Removes copies of what the server has, until the rest takes at most so many bytes.
    public func freeSpace(keepBytes: UInt64 = 0) async throws { try await client.freeSpace(keepBytes: keepBytes) }

    /// What is on its way to the server, and again whenever it has got further.
    public var transfers: Live<[Transfer]> {
        Live { [client] in
            let stream = try await client.watchTransfers()
            return Source(next: { try await stream.next() }, stop: { stream.stop() })
        }
    }

    // MARK: Sync

    /// Sends what waits and receives what is new, once: a pull to refresh, a background task.
    @discardableResult
    public func sync(time: TimeInterval? = nil, bytes: UInt64? = nil) async throws -> SyncOutcome {
        try await cancellable { [client] in try await client.syncOnce(budget: Budget(time: time, bytes: bytes), cancel: $0) }
    }

    /// Stays connected from now on, while the app is in front and there is a network.
    public func connect() async throws { try await client.connect() }

    /// Ends the connection.
    public func disconnect() async throws { try await client.disconnect() }

    /// Waits until everything is sent and everything is here; needs `connect`.
    public func waitCurrent() async throws { try await cancellable { [client] in try await client.waitCurrent(cancel: $0) } }

    /// The system has found or lost the network.
    public func setNetwork(_ network: Network) throws { try client.setNetwork(network: network) }

    /// The app came to the front, or left it.
    public func setForeground(_ foreground: Bool) throws { try client.setForeground(foreground: foreground) }

    /// What a status line shows now.
    public func statusNow() async throws -> SyncStatus { try await client.status() }

    /// What a status line shows, and again whenever it has changed.
    public var status: Live<SyncStatus> {
        Live { [client] in
            let stream = try await client.watchStatus()
            return Source(next: { try await stream.next() }, stop: { stream.stop() })
        }
    }

    // MARK: What this device wants

    /// What this device wants of all that its user may see: everyone's, until the app says otherwise.
    public func subscriptions() async throws -> [Subscription] { try await client.subscriptions() }

    /// How much a subscription would bring, before anything of it is downloaded; needs the network.
    public func estimate(_ whose: Whose, kinds: [String] = [], days: UInt32? = nil) async throws -> Estimate {
        let wanted = Subscription(whose: whose, kinds: kinds, days: days)
        return try await cancellable { [client] in try await client.estimate(subscription: wanted, cancel: $0) }
    }

    /// Wants this, too: it comes with the next sync, at once while connected. Answers whether it is new.
    @discardableResult
    public func subscribe(_ whose: Whose, kinds: [String] = [], days: UInt32? = nil) async throws -> Bool {
        try await client.subscribe(subscription: Subscription(whose: whose, kinds: kinds, days: days))
    }

    /// Does not want this any more: what nothing else asks for goes with the next sync. Answers whether it was wanted.
    @discardableResult
    public func unsubscribe(_ whose: Whose, kinds: [String] = [], days: UInt32? = nil) async throws -> Bool {
        try await client.unsubscribe(subscription: Subscription(whose: whose, kinds: kinds, days: days))
    }

    // MARK: Support, and the end

    /// The kinds of the workspace: what forms and lists are made of.
    public func kinds() async throws -> [KindInfo] { try await client.kinds() }

    /// Why a record is on this device, or is not.
    public func explain(_ record: RecordID) async throws -> Presence { try await client.explain(id: record) }

    /// What the user of this device may see and do, kind by kind: also without a network.
    public func rights() async throws -> [KindRights] { try await client.rights() }

    /// The key account that a record is or belongs to, and who answers for it: a banner wherever somebody works with it.
    public func keyAccount(_ record: RecordID) async throws -> KeyAccount? { try await client.keyAccount(id: record) }

    /// The next reminders, soonest first. iOS keeps 64 notifications: ask again after each sync.
    public func upcomingAlarms(limit: UInt32 = 60) async throws -> [Alarm] { try await client.upcomingAlarms(limit: limit) }

    /// Looks at everything that goes wrong on phones.
    public func doctor() async throws -> [Check] { try await client.doctor() }

    /// What support needs, as JSON, and nothing that a record says.
    public func diagnostics() async throws -> String { try await client.diagnostics() }

    /// Fails inside as a mistake of ours would: to test the app's crash reports.
    public func crashTest() async throws { try await client.crashTest() }

    /// Gives the phone back: throws `ClientError.Unsent` while something is on this device only, unless it is to be lost.
    public func signOut(loseUnsent: Bool = false) async throws { try await client.signOut(loseUnsent: loseUnsent) }

    /// Removes everything from this device, the key first.
    public func wipe() async throws { try await client.wipe() }

    /// Closes the store; sequences end. Closing twice is no error.
    public func close() async throws { try await client.shutdown() }
}

/// Reads a file piece by piece.
private actor Reading {
    let client: Client
    let file: RecordID
    private var at: UInt64 = 0

    init(client: Client, file: RecordID) {
        self.client = client
        self.file = file
    }

    func next() async throws -> Data? {
        let piece = try await client.readAttachment(id: file, from: at)
        at += UInt64(piece.count)
        return piece.isEmpty ? nil : piece
    }
}
