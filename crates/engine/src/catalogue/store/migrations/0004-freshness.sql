-- For how many seconds an answer need not be asked for again, as its server said. Before, every answer was trusted for a day.
ALTER TABLE sources ADD COLUMN fresh_seconds INTEGER;
