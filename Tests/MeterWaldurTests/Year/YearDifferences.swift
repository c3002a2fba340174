import Meter
import MeterWaldur
import MeterWire
import YearTruth

/// Where Waldur's invoices ask for another quantity than Meter has told.
///
/// Row by row, from the book and the double. The causes that the reconciliation names are not compared here.
enum YearDifferences {
    /// As in `n18 agent_calls 2026-07: 12.00 told, 3.00 on the invoice`.
    static func all(_ world: YearWorld, _ invoices: [YearInvoiceKey: YearInvoice]) -> [String] {
        var billed: [String: Int128] = [:]
        for (key, invoice) in invoices {
            for item in invoice.items {
                // What staff took back has its price turned.
                let quantity = item.unitPrice < 0 ? -item.quantity : item.quantity
                billed["\(item.resource) \(item.component) \(key.month)", default: 0] += quantity
            }
        }
        let told = told(world.book)
        return Set(billed.keys).union(told.keys).sorted().compactMap { row in
            let (ours, waldurs) = (told[row] ?? 0, billed[row] ?? 0)
            guard ours != waldurs else { return nil }
            return "\(row): \(YearMoney.text(ours)) told, \(YearMoney.text(waldurs)) on the invoice"
        }
    }

    private static func told(_ book: BookState) -> [String: Int128] {
        var told: [String: Int128] = [:]
        for (key, standing) in book.submissions.values.joined() {
            guard let confirmed = standing.confirmed else { continue }
            let resource = YearResource.all.first {
                "\(key.resource)" == DoubleWorld.yearID("e", $0.tenant.site, $0.number)
            }
            told["\(resource?.name ?? "") \(key.component) \(key.month)", default: 0] +=
                confirmed.amount.rawValue
        }
        return told.filter { $0.value != 0 }
    }
}
