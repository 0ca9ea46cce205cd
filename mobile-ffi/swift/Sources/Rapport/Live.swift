import Foundation
import RapportFFI

/// Runs a call that can be cancelled: `Task.cancel()` ends the work on our side, too, and is seen as `CancellationError`.
func cancellable<T: Sendable>(_ call: @Sendable (CancelHandle) async throws -> T) async throws -> T {
    try Task.checkCancellation()
    let handle = CancelHandle()
    return try await withTaskCancellationHandler {
        do { return try await call(handle) } catch ClientError.Cancelled { throw CancellationError() }
    } onCancel: {
        handle.cancel()
    }
}

/// What is pulled: the next one, and how to end it.
struct Source<Element: Sendable>: Sendable {
    let next: @Sendable () async throws -> Element?
    let stop: @Sendable () -> Void
}

/// What is now, and again whenever it has changed. A slow reader gets several changes as one; cancelling the
/// reader's task ends it, and so does closing the store.
public struct Live<Element: Sendable>: AsyncSequence, Sendable {
    let open: @Sendable () async throws -> Source<Element>

    public func makeAsyncIterator() -> Iterator { Iterator(open: open) }

    public struct Iterator: AsyncIteratorProtocol {
        let open: @Sendable () async throws -> Source<Element>
        private var source: Source<Element>?

        init(open: @escaping @Sendable () async throws -> Source<Element>) { self.open = open }

        public mutating func next() async throws -> Element? {
            try Task.checkCancellation()
            let source: Source<Element>
            if let known = self.source { source = known } else { source = try await open() }
            self.source = source
            let element = try await withTaskCancellationHandler { try await source.next() } onCancel: { source.stop() }
            try Task.checkCancellation()
            return element
        }
    }
}

/// A list as it is shown, followed step by step.
actor ShownList {
    private var rows: [Record] = []

    func after(_ update: ListUpdate) -> [Record] {
        rows = rows.after(update)
        return rows
    }
}

extension Array where Element == Record {
    /// The list after an update.
    public func after(_ update: ListUpdate) -> [Record] {
        switch update {
        case .reset(let rows, _):
            return rows
        case .changes(let steps, _):
            var rows = self
            for step in steps {
                switch step {
                case .insert(let at, let row): rows.insert(row, at: Int(at))
                case .update(let at, let row): rows[Int(at)] = row
                case .move(let from, let to): rows.insert(rows.remove(at: Int(from)), at: Int(to))
                case .remove(let at): rows.remove(at: Int(at))
                }
            }
            return rows
        }
    }
}
