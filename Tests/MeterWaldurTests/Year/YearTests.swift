import Meter
import MeterWaldur
import MeterWire
import Testing
import YearTruth

/// A year of two Waldurs and fifty tenants by a script, against what the script alone says.
@Suite struct YearTests {
    @Test func `every invoice of the year has what was used, at its price, to the cent`()
        async throws
    {
        let world = try YearWorld()
        try await world.live()
        let truth = YearTruth()
        var invoices: [YearInvoiceKey: YearInvoice] = [:]
        for site in Site.allCases {
            invoices.merge(try world.simulation(site).world.invoices(site)) { first, _ in first }
        }
        for key in Set(invoices.keys).union(truth.invoices.keys).sorted() {
            let found = invoices[key] ?? YearInvoice()
            let due = truth.invoices[key] ?? YearInvoice()
            #expect(found.items.sorted() == due.items.sorted(), "\(key)")
            #expect(found.credit == due.credit && found.total == due.total, "\(key)")
        }
        #expect(world.violations.isEmpty, "\(world.violations)")
        #expect(world.book.openIntents.isEmpty)
    }
}
