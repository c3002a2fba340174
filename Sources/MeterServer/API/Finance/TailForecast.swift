internal import Meter
internal import MeterWaldur
internal import MeterWire

/// What will be used between the last totals of a month and its end, and so be carried: by component, in the
/// reported unit and in Waldur's money.
///
/// As much is expected as in the busier of two stretches, the last day and the last hour, for each row.
struct TailForecast {
    struct Line: Equatable {
        let component: Name
        let unit: String?
        let quantity: Hundredths
        /// At the present prices, rounded up to hundredths; nil where nobody has seen one.
        let amount: Hundredths?

        var json: JSONOutput {
            [
                "component": .string(component.description), "unit": .optional(unit),
                "quantity": .string(quantity.description), "amount": .optional(amount),
            ]
        }
    }

    private struct Row: Hashable {
        let account: LedgerAccount
        let plan: PlanID?
    }

    private struct Kind: Hashable {
        let component: Name
        let unit: String?
        let unitsPerReported: UInt64
        let price: String?
    }

    let lines: [Line]

    /// - Parameters:
    ///   - readings: Of stretches of the month up to now.
    ///   - milliseconds: How long the tail of the median row is.
    init(_ readings: [TenantLedger.Reading], milliseconds: Int64) {
        var expected: [Row: UInt128] = [:]
        for reading in readings {
            for (row, sum) in Self.used(reading) {
                let period = reading.month.period
                let length = UInt128(period.end.rawValue - period.start.rawValue) * 60_000
                let scaled = sum.multipliedReportingOverflow(by: UInt128(max(milliseconds, 0)))
                // What is so large is not told anyway.
                guard !scaled.overflow else { continue }
                expected[row] = max(expected[row] ?? 0, scaled.partialValue / max(length, 1))
            }
        }
        var kinds: [Kind: UInt128] = [:]
        if let book = readings.first?.book {
            for (row, amount) in expected {
                kinds[Self.kind(row, book), default: 0] &+= amount
            }
        }
        lines = Self.lines(kinds)
    }

    private static func used(_ reading: TenantLedger.Reading) -> [Row: UInt128] {
        var used: [Row: UInt128] = [:]
        for usage in reading.month.attributed where usage.key.notBillable == nil {
            let periods = reading.book.resources[usage.key.resource]?.periods ?? []
            let row = Row(
                account: usage.key.account,
                plan: periods.first { $0.id == usage.key.planPeriod }?.plan
            )
            used[row, default: 0] &+= (try? usage.weighed.rawValue) ?? 0
        }
        return used
    }

    private static func kind(_ row: Row, _ book: BookState) -> Kind {
        let resource = row.account.resource
        let price = row.plan.flatMap {
            book.billing.price(
                PriceKey(waldur: resource.waldur, plan: $0, component: row.account.component)
            )?.price
        }
        return Kind(
            component: row.account.component,
            unit: book.reportedUnit(row.account.component, of: resource),
            unitsPerReported: book.unitsPerReported(row.account.component, of: resource),
            price: price
        )
    }

    private static func lines(_ kinds: [Kind: UInt128]) -> [Line] {
        struct Heading: Hashable {
            let component: Name
            let unit: String?
        }
        var quantities: [Heading: Int128] = [:]
        var amounts: [Heading: ExactDecimal?] = [:]
        for (kind, amount) in kinds {
            guard
                let told = try? Rounding.down(amount, unitsPerReported: kind.unitsPerReported)
                    .amount
            else { continue }
            let heading = Heading(component: kind.component, unit: kind.unit)
            quantities[heading, default: 0] &+= told.rawValue
            let money = kind.price.flatMap { ExactDecimal($0) }.flatMap { price in
                try? ExactDecimal(digits: told.rawValue, scale: 2).multiplied(by: price)
            }
            // One row without a price makes the sum unknown, and so does one that no exact number holds.
            let sum: ExactDecimal? = amounts[heading, default: .zero]
            let next = sum.flatMap { sum in money.flatMap { try? sum.adding($0) } }
            amounts.updateValue(next, forKey: heading)
        }
        return quantities.map { heading, quantity in
            Line(
                component: heading.component,
                unit: heading.unit,
                quantity: Hundredths(quantity),
                amount: (amounts[heading] ?? nil).map(roundedUp)
            )
        }.sorted { ($0.component, $0.unit ?? "") < ($1.component, $1.unit ?? "") }
    }

    private static func roundedUp(_ amount: ExactDecimal) -> Hundredths {
        var digits = amount.digits
        for _ in 0..<max(0, amount.scale - 2) { digits = digits / 10 + (digits % 10 > 0 ? 1 : 0) }
        for _ in min(amount.scale, 2)..<2 { digits = digits &* 10 }
        return Hundredths(digits)
    }
}
