/// Seeded randomness (SplitMix64): the same seed gives the same test, on every machine.
package struct Seed: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(_ value: UInt64) { state = value }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number in `0..<limit`.
    package mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

    /// True once in `count` calls.
    package mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    /// An element of a list that is not empty.
    package mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}
