"""What the manifest says of each finding apart from numbers: names, codes, priority."""

# SNOMED CT, DCM, RadLex and UMLS codes, the preferred one first. None was checked against a SNOMED CT
# release; a site should have them reviewed by its terminologist.
# Pleural thickening has no confirmed SNOMED CT concept: RadLex "thickening" with the site pleura.
# The 99PREREAD aliases stay when a preferred code changes; 16 characters at most, for VR SH.


def _code(system, code, display):
    return {'system': system, 'code': code, 'display': display}


DETAILS = {
    'Atelectasis': {
        'display': {'en': 'Atelectasis', 'vi': 'Xẹp phổi'},
        'codes': [
            _code('SCT', '46621007', 'Atelectasis'),
            _code('RADLEX', 'RID28493', 'atelectasis'),
            _code('UMLS', 'C0004144', 'Atelectasis'),
            _code('99PREREAD', 'ATELECTASIS', 'Atelectasis'),
        ],
        'priority': 'routine',
    },
    'Cardiomegaly': {
        'display': {'en': 'Cardiomegaly', 'vi': 'Bóng tim to'},
        'codes': [
            _code('SCT', '8186001', 'Cardiomegaly'),
            _code('UMLS', 'C0018800', 'Cardiomegaly'),
            _code('99PREREAD', 'CARDIOMEGALY', 'Cardiomegaly'),
        ],
        'priority': 'routine',
    },
    'Effusion': {
        'display': {'en': 'Pleural effusion', 'vi': 'Tràn dịch màng phổi'},
        'codes': [
            _code('SCT', '60046008', 'Pleural effusion'),
            _code('RADLEX', 'RID34539', 'pleural effusion'),
            _code('UMLS', 'C0032227', 'Pleural effusion'),
            _code('99PREREAD', 'EFFUSION', 'Pleural effusion'),
        ],
        'priority': 'urgent',
    },
    'Infiltration': {
        'display': {'en': 'Lung infiltrate', 'vi': 'Thâm nhiễm phổi'},
        'codes': [
            _code('SCT', '409609008', 'Radiologic infiltrate of lung'),
            _code('DCM', '112121', 'Infiltrate'),
            _code('99PREREAD', 'INFILTRATION', 'Lung infiltrate'),
        ],
        'priority': 'routine',
    },
    'Mass': {
        'display': {'en': 'Lung mass', 'vi': 'Khối mờ ở phổi'},
        'codes': [
            _code('SCT', '309529002', 'Lung mass'),
            _code('RADLEX', 'RID39056', 'lung mass'),
            _code('99PREREAD', 'MASS', 'Lung mass'),
        ],
        'priority': 'urgent',
    },
    'Nodule': {
        'display': {'en': 'Lung nodule', 'vi': 'Nốt mờ ở phổi'},
        'codes': [
            _code('SCT', '786838002', 'Nodule of lung'),
            _code('RADLEX', 'RID50149', 'pulmonary nodule'),
            _code('99PREREAD', 'NODULE', 'Lung nodule'),
        ],
        'priority': 'routine',
    },
    'Pneumonia': {
        'display': {'en': 'Pneumonia', 'vi': 'Viêm phổi'},
        'codes': [
            _code('SCT', '233604007', 'Pneumonia'),
            _code('RADLEX', 'RID5350', 'pneumonia'),
            _code('UMLS', 'C0032285', 'Pneumonia'),
            _code('99PREREAD', 'PNEUMONIA', 'Pneumonia'),
        ],
        'priority': 'urgent',
    },
    'Pneumothorax': {
        'display': {'en': 'Pneumothorax', 'vi': 'Tràn khí màng phổi'},
        'codes': [
            _code('SCT', '36118008', 'Pneumothorax'),
            _code('RADLEX', 'RID5352', 'pneumothorax'),
            _code('UMLS', 'C0032326', 'Pneumothorax'),
            _code('99PREREAD', 'PNEUMOTHORAX', 'Pneumothorax'),
        ],
        'priority': 'urgent',
    },
    'Consolidation': {
        'display': {'en': 'Lung consolidation', 'vi': 'Đông đặc phổi'},
        'codes': [
            _code('SCT', '95436008', 'Lung consolidation'),
            _code('RADLEX', 'RID43255', 'consolidation'),
            _code('UMLS', 'C0521530', 'Lung consolidation'),
            _code('99PREREAD', 'CONSOLIDATION', 'Lung consolidation'),
        ],
        'priority': 'urgent',
    },
    'Edema': {
        'display': {'en': 'Pulmonary edema', 'vi': 'Phù phổi'},
        'codes': [
            _code('SCT', '19242006', 'Pulmonary edema'),
            _code('RADLEX', 'RID4866', 'pulmonary edema'),
            _code('UMLS', 'C0034063', 'Pulmonary edema'),
            _code('99PREREAD', 'EDEMA', 'Pulmonary edema'),
        ],
        'priority': 'urgent',
    },
    'Emphysema': {
        'display': {'en': 'Pulmonary emphysema', 'vi': 'Khí phế thũng'},
        'codes': [
            _code('SCT', '87433001', 'Pulmonary emphysema'),
            _code('RADLEX', 'RID4799', 'emphysema'),
            _code('99PREREAD', 'EMPHYSEMA', 'Pulmonary emphysema'),
        ],
        'priority': 'routine',
    },
    'Fibrosis': {
        'display': {'en': 'Lung fibrosis', 'vi': 'Xơ phổi'},
        'codes': [
            _code('SCT', '51615001', 'Fibrosis of lung'),
            _code('99PREREAD', 'FIBROSIS', 'Lung fibrosis'),
        ],
        'priority': 'routine',
    },
    'Pleural_Thickening': {
        'display': {'en': 'Pleural thickening', 'vi': 'Dày màng phổi'},
        'codes': [
            _code('RADLEX', 'RID28509', 'thickening'),
            _code('99PREREAD', 'PLEURAL_THICK', 'Pleural thickening'),
        ],
        'site': _code('SCT', '3120008', 'Pleura'),
        'priority': 'routine',
    },
    'Hernia': {
        'display': {'en': 'Diaphragmatic hernia', 'vi': 'Thoát vị hoành'},
        'codes': [
            _code('SCT', '39839004', 'Diaphragmatic hernia'),
            _code('99PREREAD', 'HERNIA', 'Diaphragmatic hernia'),
        ],
        'priority': 'routine',
    },
}
