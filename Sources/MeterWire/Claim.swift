/// What an emitter says of its source so far: how much was recorded in all, and what of it the server may
/// not have.
///
/// The frame that carries it has no events; its first sequence is how many events were sealed before it.
package struct Claim: Equatable, Sendable {
    /// One component's total over the source's life: every event recorded before the claim, whether it
    /// was sealed, given up or dropped.
    package struct Total: Equatable, Sendable {
        package var component: Name
        package var amount: UInt128

        package init(component: Name, amount: UInt128) {
            self.component = component
            self.amount = amount
        }
    }

    /// Why the server may not have what a line tells of.
    package enum LineKind: UInt8, Sendable, CaseIterable {
        /// Sealed, and no acknowledgement has come yet.
        case pending = 0
        /// Sealed and given up: the sequences are among the ranges given up.
        case givenUp = 1
        /// Recorded but never sealed for want of room; took no sequence number.
        case dropped = 2
    }

    /// An amount that the server may not have, and when it was used.
    package struct Line: Equatable, Sendable {
        package var kind: LineKind
        package var tenant: Name
        package var component: Name
        package var amount: UInt128
        /// Milliseconds since 1970, of the earliest event in it.
        package var earliest: Int64
        /// Milliseconds since 1970, of the latest event in it; not before `earliest`.
        package var latest: Int64

        package init(
            kind: LineKind,
            tenant: Name,
            component: Name,
            amount: UInt128,
            earliest: Int64,
            latest: Int64
        ) {
            self.kind = kind
            self.tenant = tenant
            self.component = component
            self.amount = amount
            self.earliest = earliest
            self.latest = latest
        }
    }

    /// Counts a source's claims from 1.
    package var number: UInt64
    /// No event and no claim of this source comes after.
    package var isLast: Bool
    /// False where lines were left out because they do not fit into the frame.
    package var linesAreComplete: Bool
    /// Events recorded over the source's life: those sealed and those dropped.
    package var recordedCount: UInt64
    /// Events that were dropped before they had a number.
    package var droppedCount: UInt64
    package var totals: [Total]
    package var lines: [Line]
    /// Sequences that will not be sent again, in order, without overlap.
    package var givenUp: [Range<UInt64>]

    package init(
        number: UInt64,
        isLast: Bool = false,
        linesAreComplete: Bool = true,
        recordedCount: UInt64,
        droppedCount: UInt64 = 0,
        totals: [Total] = [],
        lines: [Line] = [],
        givenUp: [Range<UInt64>] = []
    ) {
        self.number = number
        self.isLast = isLast
        self.linesAreComplete = linesAreComplete
        self.recordedCount = recordedCount
        self.droppedCount = droppedCount
        self.totals = totals
        self.lines = lines
        self.givenUp = givenUp
    }
}
