/// Where a test's decisions come from: at random from a `Seed`, or all of them one after another from
/// `ExhaustiveChoices`.
package protocol Choices {
    /// A number in `0..<limit`.
    mutating func below(_ limit: Int) -> Int
}

extension Choices {
    package mutating func flag() -> Bool { below(2) == 1 }

    /// An element of a list that is not empty.
    package mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}

extension Seed: Choices {}

/// Runs a test that is written as if it were random through every decision that it can take.
///
/// ```swift
/// var choices = ExhaustiveChoices()
/// while choices.next() {
///     let letters = (0..<2).map { _ in choices.pick(["a", "b"]) }   // aa, ab, ba, bb
/// }
/// ```
///
/// The same answers must lead to the same questions; a test that breaks this stops with a sentence.
package struct ExhaustiveChoices: Choices, Sendable {
    private var taken: [(value: Int, limit: Int)] = []
    private var depth = 0
    private var isBegun = false
    /// Runs so far.
    package private(set) var runCount = 0

    package init() {}

    /// Begins the next run; false when there is none that was not made.
    package mutating func next() -> Bool {
        depth = 0
        if !isBegun {
            isBegun = true
            runCount = 1
            return true
        }
        while let last = taken.popLast() {
            if last.value + 1 < last.limit {
                taken.append((last.value + 1, last.limit))
                runCount += 1
                return true
            }
        }
        return false
    }

    package mutating func below(_ limit: Int) -> Int {
        precondition(limit > 0, "a choice has at least one answer")
        if depth == taken.count { taken.append((0, limit)) }
        precondition(
            taken[depth].limit == limit,
            "the same answers must lead to the same questions"
        )
        depth += 1
        return taken[depth - 1].value
    }

    /// The answers of this run, for messages.
    package var answers: [Int] { taken.map(\.value) }
}
