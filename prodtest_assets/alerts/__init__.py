"""One message per failure and one per recovery.

What is told stands in the ledger (`testdata.alert_ledger`) before anybody sends it; `message` puts it into words,
`channels` knows how to hand words over, and `delivery` does so until every channel has taken them.
"""
