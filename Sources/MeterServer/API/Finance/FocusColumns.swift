internal import Meter
internal import MeterWaldur
internal import MeterWire

/// A month as usage columns of FOCUS 1.2, the FinOps Open Cost and Usage Specification.
///
/// A row for each row of Waldur's usage, and one of class `Correction` for each carry and late adjustment in
/// it; quantities of the rows of one figure add up to what is told. Columns that need a price are left out:
/// Meter has none of its own. What Meter adds begins with `x_`, as FOCUS wants it.
struct FocusColumns {
    static let columns = [
        "BillingAccountId", "BillingAccountName", "BillingPeriodEnd", "BillingPeriodStart",
        "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency",
        "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit",
        "InvoiceIssuerName", "ProviderName", "PublisherName", "ResourceId", "ResourceName",
        "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId",
        "SkuMeter", "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType",
        "x_Tenant", "x_OfferingId", "x_PlanPeriodId", "x_Class", "x_Cause", "x_ConfirmedQuantity",
    ]

    private let export: UsageExport
    private let zone: WaldurZone

    init(_ export: UsageExport, zone: WaldurZone) {
        self.export = export
        self.zone = zone
    }

    /// - Throws: ``Problem`` where a quantity is too large to be exact.
    func csv() throws(Problem) -> CSVText {
        var table = CSVText(Self.columns)
        do throws(LedgerError) {
            for line in export.lines {
                for row in try rows(of: line) { table.add(row) }
            }
        } catch {
            throw .unavailable("\(export.period.month) cannot be exported: \(error).")
        }
        return table
    }

    private func rows(of line: UsageExport.Line) throws(LedgerError) -> [[CSVText.Cell]] {
        let component = line.billing.key.account.component
        var corrections: [(UsageExport.Correction, ExactDecimal)] = []
        for correction in line.corrections {
            corrections.append((correction, try reported(correction.amount, line)))
        }
        // What is billed in the row and belongs to it.
        let whole =
            if let told = line.billing.told {
                ExactDecimal(digits: told.figure.told.rawValue, scale: 2)
            } else {
                try reported(LedgerAmount(total: line.billing.metered.rawValue), line)
            }
        let own = try whole.subtracting(ExactDecimal.sum(corrections.map(\.1)))
        var rows = [
            row(
                line,
                quantity: own,
                from: line.from,
                to: line.to,
                isCorrection: false,
                description: "\(component) of \(line.tenant)",
                cause: nil
            )
        ]
        for (correction, quantity) in corrections {
            rows.append(
                row(
                    line,
                    quantity: quantity,
                    from: correction.month.start(in: zone),
                    to: correction.month.end(in: zone),
                    isCorrection: true,
                    description: "\(component) of \(line.tenant) (\(correction.note))",
                    cause: correction.cause
                )
            )
        }
        return rows
    }

    /// In the reported unit; what no decimal is, rounded down as it is told.
    private func reported(
        _ amount: LedgerAmount,
        _ line: UsageExport.Line
    ) throws(LedgerError) -> ExactDecimal {
        if let exact = ExactDecimal(amount, unitsPerReported: line.unitsPerReported) {
            return exact
        }
        let rounded = try Rounding.down(amount, unitsPerReported: line.unitsPerReported)
        return ExactDecimal(digits: rounded.amount.rawValue, scale: 2)
    }

    private func row(
        _ line: UsageExport.Line,
        quantity: ExactDecimal,
        from: Timestamp,
        to: Timestamp,
        isCorrection: Bool,
        description: String,
        cause: String?
    ) -> [CSVText.Cell] {
        let key = line.billing.key
        let waldur = export.period.waldur.name
        let component = key.account.component.description
        let plan = line.billing.planPeriod?.plan
        let offering = line.offering?.description ?? waldur
        let agents = line.agents.map(\.description).joined(separator: " ")
        let unit = line.reportedUnit ?? "Units"
        let period: [CSVText.Cell] = [
            .text((line.customer ?? line.tenant).description), .text(line.tenant.description),
            .plain(RFC3339.text(export.period.end)), .plain(RFC3339.text(export.period.start)),
        ]
        let charge: [CSVText.Cell] = [
            .plain("Usage"), isCorrection ? .plain("Correction") : .none, .text(description),
            .plain("Usage-Based"), .plain(RFC3339.text(to)), .plain(RFC3339.text(from)),
            .plain(quantity.description), .text(unit),
        ]
        let origin: [CSVText.Cell] = [
            .text(waldur), .text(waldur), .text(waldur),
            .plain(key.account.resource.resource.description), .text(agents),
            .plain("AI Agent"), .plain("AI and Machine Learning"), .plain("AI Agents"),
            .plain("Generative AI"), .text("\(offering)/\(component)"), .text(component),
            plan.map { .text("\($0)/\(component)") } ?? .none,
        ]
        let project: [CSVText.Cell] = [
            .optional(line.project?.id), .optional(line.project?.name),
            line.project == nil ? .none : .plain("Project"),
        ]
        let own: [CSVText.Cell] = [
            .text(line.tenant.description), .optional(line.offering),
            .optional(key.planPeriod), .optional(key.notBillable?.rawValue),
            .optionalPlain(cause),
            isCorrection ? .none : .optionalPlain(line.billing.told?.figure.confirmed),
        ]
        return period + charge + origin + project + own
    }
}

extension CSVText.Cell {
    fileprivate static func optionalPlain(
        _ number: (some CustomStringConvertible)?
    ) -> CSVText.Cell {
        number.map { .plain($0.description) } ?? .none
    }
}
