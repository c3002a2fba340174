/// Where a carry that waits would go now: a pure function of the book.
///
/// It lands by itself only where the customer pays what it would have paid: at the same plan, price and
/// customer. A residue is less than a hundredth of the reported unit, so that it lands at any price of the
/// same customer. What takes away lands like what adds: totals are lowered by it down to zero, and what is
/// left goes on to the next month, through two cuts at most; then a credit is requested for it.
package struct CarryLanding: Equatable, Sendable {
    /// Why a carry does not land by itself.
    package enum Obstacle: String, Sendable, CaseIterable {
        /// Waldur takes no usage for the resource any more.
        case resourceGone = "resource-gone"
        /// No live binding reports the resource any more.
        case notBound = "not-bound"
        /// The offering has no such component with billing type `usage` any more.
        case notInOffering = "not-in-offering"
        case otherCustomer = "other-customer"
        case otherPlan = "other-plan"
        case otherPrice = "other-price"
    }

    /// The row that it would be told in; nil where there is none.
    package let target: SubmissionKey?
    /// The price of that row; nil where nobody has seen it.
    package let price: String?
    /// nil where it lands by itself.
    package let obstacle: Obstacle?

    /// Judges a carry by what the book knows of the resource now.
    ///
    /// - Parameter month: The month that is told now, which Waldur has turned to.
    package init(_ carry: CarryMade, book: BookState, into month: BillingMonth) {
        let key = carry.from.resourceKey
        let component = carry.from.component
        let resource = book.resources[key]
        let period = resource?.periods.last { $0.end == nil }
        let target = period.map { period in
            SubmissionKey(
                waldur: key.waldur,
                resource: key.resource,
                component: component,
                planPeriod: period.id,
                month: month
            )
        }
        let price = period?.plan.flatMap { plan in
            book.billing.price(PriceKey(waldur: key.waldur, plan: plan, component: component))?
                .price
        }
        self.price = price
        obstacle = Self.obstacle(carry, book, resource, period, price)
        let isGone = obstacle == .resourceGone || obstacle == .notInOffering
        self.target = isGone || target == carry.from ? nil : target
    }

    /// After so many cuts a correction is taken from no further total.
    package static let cutsMax = 2

    /// What becomes of a carry without anybody's doing: it lands, or it is a residue after which nothing
    /// of the same customer comes, given up by name, or a correction below zero that two months had no
    /// room for, so that a credit is requested. nil where it waits for a person.
    package static func settlement(
        of carry: CarryMade,
        book: BookState,
        into month: BillingMonth
    ) -> CarrySettled? {
        let landing = CarryLanding(carry, book: book, into: month)
        if carry.cause == .correction, carry.amount < .zero,
            book.billing.cutsPassed(by: carry) >= cutsMax
        {
            let why = landing.obstacle?.rawValue ?? "totals were too small"
            return CarrySettled(
                number: carry.number,
                settlement: .creditRequest,
                reason: "not taken from the totals of two months: \(why)"
            )
        }
        if landing.obstacle == nil {
            return landing.target.map {
                CarrySettled(number: carry.number, settlement: .landed, to: $0)
            }
        }
        guard carry.cause == .residue, let obstacle = landing.obstacle else { return nil }
        return CarrySettled(
            number: carry.number,
            settlement: .writtenOff,
            reason: "residue: \(obstacle.rawValue)"
        )
    }

    private static func obstacle(
        _ carry: CarryMade,
        _ book: BookState,
        _ resource: ResourceStanding?,
        _ period: PlanPeriod?,
        _ price: String?
    ) -> Obstacle? {
        guard let resource, let period, resource.takesUsage else { return .resourceGone }
        if !resource.components.contains(carry.from.component) { return .notInOffering }
        let isBound = book.bindings.values.joined().contains {
            $0.resourceKey == carry.from.resourceKey && $0.class == .live && $0.to == nil
        }
        if !isBound { return .notBound }
        if carry.customer != resource.customer { return .otherCustomer }
        if carry.cause == .residue { return nil }
        if book.plan(of: carry.from) != period.plan { return .otherPlan }
        return carry.price != price ? .otherPrice : nil
    }
}

extension ResourceStanding {
    /// Waldur's `set_usage` is accepted in these states only; unknown counts as accepted.
    package var takesUsage: Bool {
        resourceState.map { ["OK", "Updating", "Terminating"].contains($0) } ?? true
    }
}
