import Foundation
import RapportFFI

/// Edits of one record, in the order they are written down.
public struct Edits: Sendable {
    public private(set) var made: [FieldEdit] = []

    public init() {}

    /// Writes a field; `nil` clears it.
    public mutating func set(_ field: String, _ value: (any FieldValue)?) {
        made.append(.set(field: field, value: value?.fieldValue ?? .empty))
    }

    /// Adds an element to a set.
    public mutating func add(_ field: String, _ element: String) { made.append(.add(field: field, value: element)) }

    /// Links another record.
    public mutating func link(_ field: String, _ record: RecordID) { add(field, record.value) }

    /// Removes an element from a set.
    public mutating func remove(_ field: String, _ element: String) { made.append(.remove(field: field, value: element)) }

    /// Makes a row, or writes some of its parts.
    public mutating func setRow(_ field: String, row: String, _ parts: [String: any FieldValue]) {
        made.append(.setRow(field: field, row: row, values: parts.mapValues { $0.fieldValue }))
    }

    /// Removes a row.
    public mutating func removeRow(_ field: String, row: String) { made.append(.removeRow(field: field, row: row)) }

    /// Moves a row behind another one, or to the front.
    public mutating func moveRow(_ field: String, row: String, after: String?) {
        made.append(.moveRow(field: field, row: row, after: after))
    }

    /// Adds an item to a log.
    public mutating func append(_ field: String, _ parts: [String: any FieldValue]) {
        made.append(.append(field: field, values: parts.mapValues { $0.fieldValue }))
    }

    /// Adds to a counter.
    public mutating func increment(_ field: String, by: Int64 = 1) { made.append(.increment(field: field, by: by)) }

    /// Replaces characters of a text; positions count Unicode scalars.
    public mutating func splice(_ field: String, at: UInt64, delete: UInt64, insert: String) {
        made.append(.splice(field: field, at: at, delete: delete, insert: insert))
    }

    /// Archives the record: how records are deleted.
    public mutating func archive() { made.append(.archive) }
}

/// The id of a record of one kind: `PartyID`.
public protocol RecordKindID: Hashable, Sendable, FieldValue {
    static var kind: String { get }
    var record: RecordID { get }
    init(_ record: RecordID)
}

extension RecordKindID {
    public var fieldValue: Value { record.fieldValue }
}

/// A record by the names of its kind: `Party(record).name`.
public protocol RecordOfKind: Identifiable, Hashable, Sendable where ID: RecordKindID {
    var record: Record { get }
    init(_ record: Record)
}

/// Edits by the names of a kind: `PartyEdits`.
public protocol EditsOfKind: Sendable {
    associatedtype ID: RecordKindID
    var edits: Edits { get }
    init()
}

/// Edits of several records that are kept as a whole, or not at all.
public struct Transaction {
    private var order: [RecordID] = []
    private var records: [RecordID: (kind: String?, edits: Edits)] = [:]

    init() {}

    /// Makes a record. Answers with its id.
    public mutating func create(_ kind: String, _ edits: (inout Edits) throws -> Void) throws -> RecordID {
        let record = try newRecordId()
        var made = Edits()
        try edits(&made)
        order.append(record)
        records[record] = (kind, made)
        return record
    }

    /// Edits a record that is on this device, or was made in this transaction.
    public mutating func edit(_ record: RecordID, _ edits: (inout Edits) throws -> Void) rethrows {
        var known = records[record] ?? (nil, Edits())
        try edits(&known.edits)
        if records[record] == nil { order.append(record) }
        records[record] = known
    }

    /// Makes a record of a kind: `tx.create(PartyEdits.self) { $0.name("佳美") }`.
    public mutating func create<Of: EditsOfKind>(_: Of.Type, _ edits: (inout Of) throws -> Void) throws -> Of.ID {
        var made = Of()
        try edits(&made)
        return Of.ID(try create(Of.ID.kind) { $0 = made.edits })
    }

    /// Edits a record of a kind.
    public mutating func edit<Of: EditsOfKind>(_ id: Of.ID, as _: Of.Type, _ edits: (inout Of) throws -> Void) rethrows {
        var made = Of()
        try edits(&made)
        edit(id.record) { known in made.edits.made.forEach { known.take($0) } }
    }

    /// Who makes a record says of which kind, and nobody else does.
    var made: [RecordEdit] {
        order.compactMap { record in
            records[record].map { RecordEdit(record: record, kind: $0.kind, edits: $0.edits.made, makes: $0.kind != nil) }
        }
    }
}

extension Edits {
    mutating func take(_ edit: FieldEdit) { made.append(edit) }
}
