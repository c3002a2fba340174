/// A dictionary in pieces: who changes it while somebody else holds it copies one piece, not all.
///
/// The book's state is a value that every reader may keep, so each append changes what somebody holds. What grows
/// with resources and months and changes with each submission is kept in one of these.
package struct PiecewiseDictionary<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    package typealias Element = (key: Key, value: Value)

    private var pieces: [[Key: Value]]
    private static var pieceCount: Int { 256 }

    package init() { pieces = Array(repeating: [:], count: Self.pieceCount) }

    package var isEmpty: Bool { pieces.allSatisfy(\.isEmpty) }

    /// - Complexity: O(pieces).
    package var count: Int { pieces.reduce(0) { $0 + $1.count } }

    package var keys: some Collection<Key> { pieces.lazy.flatMap(\.keys) }

    package var values: some Collection<Value> { pieces.lazy.flatMap(\.values) }

    /// - Complexity: O(1); setting it in a dictionary that is shared O(entries ÷ pieces).
    package subscript(key: Key) -> Value? {
        get { pieces[Self.piece(of: key)][key] }
        _modify { yield &pieces[Self.piece(of: key)][key] }
    }

    package subscript(key: Key, default value: @autoclosure () -> Value) -> Value {
        get { self[key] ?? value() }
        _modify { yield &pieces[Self.piece(of: key)][key, default: value()] }
    }

    private static func piece(of key: Key) -> Int {
        Int(truncatingIfNeeded: UInt(bitPattern: key.hashValue) % UInt(pieceCount))
    }
}

extension PiecewiseDictionary: Sequence {
    /// Every entry, in no order.
    package func makeIterator() -> some IteratorProtocol<Element> {
        pieces.joined().lazy.map { (key: $0.key, value: $0.value) }.makeIterator()
    }
}
