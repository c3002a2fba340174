/// Bytes that must not be printed: descriptions, dumps and interpolations show only that they exist.
package struct Secret: Sendable {
    /// The bytes themselves, for the one place that needs them.
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Compares every byte whatever it finds, so that the time taken tells only the length.
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (one, other) in zip(left, right) { difference |= one ^ other }
        return difference == 0
    }

    /// Draws `count` bytes.
    package static func random(
        count: Int,
        using generator: inout some RandomNumberGenerator
    ) -> Secret {
        Secret((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
