/// Gives what is booked the numbers that come next.
///
/// Several reporters, and people, number intents, carries and adjustments from a state of the book that another
/// may have added to since. Applied under the book's lock it makes every number the next one, and keeps
/// together what names a number of the same append.
package struct Numbering {
    private var intent: UInt64
    private var carry: UInt64
    private var adjustment: UInt64
    private var carries: [UInt64: UInt64] = [:]
    private var adjustments: [UInt64: UInt64] = [:]

    private init(after state: BookState) {
        intent = state.lastIntentNumber
        carry = state.billing.lastCarryNumber
        adjustment = state.billing.lastAdjustmentNumber
    }

    /// The decisions, numbered on from a state of the book; those that fit are as they were.
    package static func apply(_ decisions: [Decision], after state: BookState) -> [Decision] {
        var numbering = Numbering(after: state)
        return decisions.map { numbering.numbered($0) }
    }

    private mutating func numbered(_ decision: Decision) -> Decision {
        switch decision {
        case .submissionIntended(let made):
            intent = Self.next(made.number, after: intent)
            return .submissionIntended(made.numbered(intent))
        case .carryMade(let made):
            carry = Self.next(made.number, after: carry)
            carries[made.number] = carry
            return .carryMade(made.numbered(carry))
        case .carrySettled(let settled):
            return .carrySettled(settled.numbered(carries[settled.number] ?? settled.number))
        case .adjustmentMade(let made):
            adjustment = Self.next(made.number, after: adjustment)
            adjustments[made.number] = adjustment
            return .adjustmentMade(
                made.numbered(adjustment, reverting: made.reverts.map { adjustments[$0] ?? $0 })
            )
        default: return decision
        }
    }

    private static func next(_ number: UInt64, after last: UInt64) -> UInt64 {
        number > last ? number : last &+ 1
    }
}
