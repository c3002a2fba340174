extension WaldurModel {
    /// `invoices.create_monthly_invoices`: announced prices come into force, invoices of past
    /// months are closed, and every organisation gets an invoice of the current month, the
    /// provider's own included.
    ///
    /// It runs when the scheduler calls it, not when the month turns; what is reported in between
    /// is billed at the old prices. An announced price stays on display afterwards.
    mutating func runMonthlyTask() throws(Refusal) {
        for plan in plans.rows {
            plans.update(plan.id) { plan in
                for (type, price) in plan.prices {
                    if let future = price.futurePrice { plan.prices[type]?.price = future }
                }
            }
        }
        let now = stamp()
        for invoice in invoices.rows
        where invoice.state == .pending && invoice.month < month(of: now) {
            invoices.update(invoice.id) {
                $0.state = .created
                $0.invoiceDate = now
            }
            useCredit(for: invoice, at: now)
        }
        for customer in customers.rows {
            _ = try openInvoice(of: customer.id, at: month(of: now).start)
        }
    }
}
