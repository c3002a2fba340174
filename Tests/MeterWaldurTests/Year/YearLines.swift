import Meter
import MeterWaldur
import MeterWire
import YearTruth

/// What the script and the reconciliation say of a difference, in the same words, a line for each share.
enum YearLines {
    /// Everything that a reconciliation says of the rows of a month.
    static func all(_ found: Reconciliation, _ book: BookState) -> [String] {
        found.rows.flatMap { row in
            let key = ResourceKey(waldur: found.waldur, resource: row.resource)
            let periods = book.resources[key]?.periods ?? []
            let period = row.planPeriod.map { id in periods.firstIndex { $0.id == id } ?? -1 }
            return row.shares.map { share in
                line(
                    place(name(row.resource), "\(row.component)", "\(row.month)", period),
                    (share.gap, share.cause, share.standing),
                    share.quantity.flatMap(hundredths),
                    money: share.money.flatMap(hundredths),
                    share.cause == .movedToAnotherCustomer && share.gap == .invoice
                        ? share.note : nil
                )
            }
        }
    }

    static func text(_ share: YearShare) -> String {
        let users = share.users.map { user, amount in
            "\(amount) used by \(YearWorld.tenant(user))"
        }.sorted().joined(separator: ", ")
        return line(
            place(share.resource, share.component, "\(share.month)", share.period),
            words(share.cause),
            share.amount,
            money: share.money,
            share.payer.map { "\(users) on the invoice of customer \(YearWorld.tenant($0))" }
        )
    }

    /// In the reconciliation's words, and whether a person has to act.
    private static func words(
        _ cause: YearCause
    ) -> (Reconciliation.Share.Gap, DifferenceCause, DifferenceStanding) {
        switch cause {
        case .carried: (.usage, .carried, .settled)
        case .waitsForPrice, .waitsForPlan: (.usage, .carried, .open)
        case .waitsForCustomer: (.usage, .movedToAnotherCustomer, .open)
        case .waitsForResource: (.usage, .resourceGone, .open)
        case .creditRequested: (.usage, .creditRequested, .settled)
        case .writtenOff: (.usage, .writtenOff, .settled)
        case .rounding: (.usage, .rounding, .settled)
        case .takenBack: (.usage, .correction, .settled)
        case .acceptedFigure: (.usage, .changedInWaldur, .settled)
        case .edited: (.usage, .changedInWaldur, .open)
        case .openingBalance: (.usage, .openingBalance, .settled)
        case .untold: (.usage, .lateAfterReport, .passing)
        case .free: (.usage, .free, .settled)
        case .trial: (.usage, .trial, .settled)
        case .shadow: (.usage, .shadow, .settled)
        case .notInOffering: (.usage, .notInOffering, .open)
        case .noPlan: (.usage, .noPlan, .open)
        case .unbilledOutcome: (.usage, .unbilledOutcome, .settled)
        case .priceBeforeTurn: (.invoice, .priceFrozenBeforeTurn, .open)
        case .usedByAnother: (.invoice, .movedToAnotherCustomer, .open)
        }
    }

    // MARK: Carries

    static func text(_ standing: CarryStanding, _ book: BookState) -> String {
        let carry = standing.carry
        let state =
            switch standing.settled?.settlement {
            case .landed: "in " + (standing.target.map { place($0, book) } ?? "no row")
            case .writtenOff: "written off"
            case .creditRequest: "credit requested"
            case nil:
                BillingMonth("2027-01").flatMap {
                    CarryLanding(carry, book: book, into: $0).obstacle
                }.map { "waits: \($0.rawValue)" } ?? "lands"
            }
        let amount = YearMoney.text(carry.amount.rawValue)
        return "\(place(carry.from, book)): \(carry.cause.rawValue) \(amount) \(state)"
    }

    static func text(_ carry: YearCarry) -> String {
        let cause: CarryCause =
            switch carry.reason {
            case .tail: .tail
            case .outage: .outage
            case .late: .late
            case .planEnded: .planEnded
            case .residue: .residue
            case .takenBack: .correction
            }
        let state =
            switch carry.state {
            case .landed(let row): "in " + place(row)
            case .writtenOff: "written off"
            case .creditRequested: "credit requested"
            case .waits(.otherPlan): "waits: other-plan"
            case .waits(.otherCustomer): "waits: other-customer"
            case .waits(.resourceGone): "waits: resource-gone"
            case .waits: "waits: other-price"
            }
        let amount = YearMoney.text(carry.amount * 100)
        return "\(place(carry.from)): \(cause.rawValue) \(amount) \(state)"
    }

    // MARK: Items of nobody's rows

    static func otherItems(_ found: Reconciliation, _ month: YearMonth) -> Set<YearOtherItems> {
        struct Key: Hashable {
            let kind: YearOtherItems.Kind
            let customer: String
        }
        var prices: [Key: Int128] = [:]
        for other in found.others {
            let kind: YearOtherItems.Kind? =
                switch (other.kind, other.share?.cause) {
                case (.customerCredit, .customerCredit): .credit
                case (.compensation, .compensation): .compensation
                case (.otherUsage, nil): other.item.quantity == .zero ? nil : .othersUsage
                default: nil
                }
            guard let kind else { continue }
            prices[Key(kind: kind, customer: customer(other.customer)), default: 0] +=
                hundredths(other.item.price) ?? 0
        }
        return Set(
            prices.map { key, price in
                YearOtherItems(
                    kind: key.kind,
                    customer: key.customer,
                    month: month,
                    price: price
                )
            }
        )
    }

    // MARK: Words

    private static func line(
        _ place: String,
        _ words: (Reconciliation.Share.Gap, DifferenceCause, DifferenceStanding),
        _ amount: Int128?,
        money: Int128?,
        _ note: String?
    ) -> String {
        let (gap, cause, standing) = words
        return "\(place): \(gap.rawValue), \(cause.rawValue), \(standing) "
            + (amount.map(YearMoney.text) ?? "nobody knows how much")
            + (money.map { ", " + YearMoney.text($0) + " of money" } ?? "")
            + (note.map { ", " + $0 } ?? "")
    }

    private static func place(
        _ resource: String,
        _ component: String,
        _ month: String,
        _ period: Int?
    ) -> String {
        "\(resource) \(component) \(month)" + (period.map { " #\($0)" } ?? "")
    }

    private static func place(_ row: YearRowKey) -> String {
        place(row.resource, row.component, "\(row.month)", row.period)
    }

    private static func place(_ row: SubmissionKey, _ book: BookState) -> String {
        let periods = book.resources[row.resourceKey]?.periods ?? []
        return place(
            name(row.resource),
            "\(row.component)",
            "\(row.month)",
            periods.firstIndex { $0.id == row.planPeriod } ?? -1
        )
    }

    private static let resources = Dictionary(
        uniqueKeysWithValues: YearResource.all.map {
            (DoubleWorld.yearID("e", $0.tenant.site, $0.number), $0.name)
        }
    )
    private static let customers = Dictionary(
        uniqueKeysWithValues: YearTenant.all.map {
            (DoubleWorld.yearID("c", $0.site, $0.number), $0.name)
        }
    )

    static func name(_ resource: ResourceID) -> String { resources["\(resource)"] ?? "\(resource)" }

    static func customer(_ customer: CustomerID) -> String {
        customers["\(customer)"] ?? "\(customer)"
    }

    static func hundredths(_ number: ExactDecimal) -> Int128? { number.hundredths?.rawValue }

    /// What the one list has and the other has not, each as often as it is missing.
    static func difference(_ due: [String], _ found: [String]) -> [String] {
        var counts: [String: Int] = [:]
        for line in due { counts[line, default: 0] += 1 }
        for line in found { counts[line, default: 0] -= 1 }
        return counts.sorted { $0.key < $1.key }.flatMap { line, count in
            Array(repeating: (count > 0 ? "due: " : "found: ") + line, count: abs(count))
        }
    }
}
